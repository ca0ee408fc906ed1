#include "write/scratch_folder.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/short_hash.hpp"
#include "write/folder_lock.hpp"

#ifdef _WIN32
#include "base/windows.hpp"
#else
#include <unistd.h>
#endif

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

const std::string prefix = ".demucs_ort-";

std::string first_word(const char* file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

std::string host_name() {
#ifdef _WIN32
  const char* name = std::getenv("COMPUTERNAME");
  return name == nullptr ? std::string() : name;
#else
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
#endif
}

/// Short names of this machine and, on Linux, of its kernel since it started, which its containers have in common.
/// Processes with one of these names in common see each other's locks.
std::vector<std::string> machine_names() {
  std::vector<std::string> names{short_hash(host_name() + first_word("/etc/machine-id"))};
  const std::string kernel = first_word("/proc/sys/kernel/random/boot_id");
  if (!kernel.empty()) names.push_back(short_hash(kernel));
  return names;
}

void check_folder(const std::error_code& error, const fs::path& folder) {
  if (error) {
    throw ExitError(exit_output,
                    "cannot write to the output folder '" + demucs_ort::utf8(folder) + "': " + error.message());
  }
}

/// Built with mingw-w64, the standard library finds nothing in a folder beyond the old limit of Windows, and tries for
/// ever to remove it.
void refuse_long_path([[maybe_unused]] const fs::path& path) {
#ifdef __MINGW32__
  if (fs::absolute(path).native().size() < MAX_PATH) return;
  throw ExitError(exit_output, "cannot write to '" + demucs_ort::utf8(path) +
                                   "': the path is too long for this build; choose a shorter output folder");
#endif
}

void remove_abandoned(const fs::path& parent, const std::vector<std::string>& machine) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = demucs_ort::utf8(entry->path().filename());
    const auto is_in_name = [&](const std::string& known) { return name.find(known) != std::string::npos; };
    if (ScratchFolder::is_one(entry->path()) && std::any_of(machine.begin(), machine.end(), is_in_name)) {
      found.push_back(entry->path());
    }
  }
  for (const auto& folder : found) FolderLock::remove_abandoned(folder);
}

}  // namespace

ScratchFolder::ScratchFolder(const fs::path& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  check_folder(error, parent);
  const auto machine = machine_names();
  remove_abandoned(parent, machine);
  std::string begin = prefix;
  for (const auto& name : machine) begin += name + "-";
  std::random_device random;
  while (!lock_) {
    path_ = parent / (begin + std::to_string(random()));
    refuse_long_path(names());
    const bool made = fs::create_directory(path_, error);
    check_folder(error, parent);
    if (!made) continue;
    try {
      lock_ = FolderLock::take(path_);
    } catch (...) {
      fs::remove_all(path_, error);
      throw;
    }
  }
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  lock_.reset();  // Windows and network file systems remove no folder with an open file
  fs::remove_all(path_, ignored);
}

bool ScratchFolder::is_one(const fs::path& path) { return demucs_ort::utf8(path.filename()).rfind(prefix, 0) == 0; }

fs::path ScratchFolder::names() const { return path_ / "names"; }

fs::path ScratchFolder::name(const fs::path& relative) const {
  fs::path place = names() / relative;
  refuse_long_path(place);
  return place;
}

fs::path ScratchFolder::file(std::size_t number) const { return path_ / std::to_string(number); }

}  // namespace demucs_ort_files
