#include "write/scratch_folder.hpp"

#include <cstddef>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "common/exit_error.hpp"

namespace fs = std::filesystem;

namespace {

void check(const std::error_code& error, const std::string& what, const fs::path& path) {
  if (error) throw ExitError(exit_output, "cannot write " + what + "'" + path.string() + "': " + error.message());
}

}  // namespace

ScratchFolder::ScratchFolder(const fs::path& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  check(error, "to the output folder ", parent);
  std::random_device random;
  do {
    path_ = parent / (".demucs_ort-" + std::to_string(random()));
  } while (!fs::create_directory(path_, error) && !error);
  check(error, "to the output folder ", parent);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path ScratchFolder::file(std::size_t number) const { return path_ / std::to_string(number); }

void move_into_place(const ScratchFolder& scratch, const std::vector<fs::path>& finals) {
  std::error_code error;
  for (const auto& file : finals) {
    if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
    check(error, "to the output folder ", file.parent_path());
  }
  for (std::size_t i = 0; i < finals.size(); ++i) {
    fs::rename(scratch.file(i), finals[i], error);
    check(error, "", finals[i]);
  }
}
