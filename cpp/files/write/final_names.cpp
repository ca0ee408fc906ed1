#include "write/final_names.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "write/scratch_folder.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

void check_written(const std::error_code& error, const fs::path& file) {
  if (error) throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(file) + "': " + error.message());
}

void refuse_folder(const fs::path& file) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(file) + "': there is a folder of that name");
  }
}

/// What takes back the steps that were taken, the last one first, unless all were.
class Steps {
 public:
  Steps() = default;
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;
  ~Steps() {
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) (*undo)();
  }

  void taken(std::function<void()> undo) { undo_.push_back(std::move(undo)); }
  void keep() noexcept { undo_.clear(); }

 private:
  std::vector<std::function<void()>> undo_;
};

void remove_step(const fs::path& path, Steps& steps) {
  steps.taken([path] {
    std::error_code ignored;
    fs::remove(path, ignored);
  });
}

void make_folder(const fs::path& folder, const fs::path& file, Steps& steps) {
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return;
  make_folder(folder.parent_path(), file, steps);
  const bool made = fs::create_directory(folder, error);
  check_written(error, file);
  if (made) remove_step(folder, steps);
}

/// A second name for a file that is to be replaced; where the file system has none, its only one.
void set_aside(const fs::path& file, const fs::path& aside, Steps& steps) {
  refuse_folder(file);
  std::error_code error;
  fs::create_hard_link(file, aside, error);
  if (error) fs::rename(file, aside, error);
  check_written(error, file);
  steps.taken([file, aside] {
    std::error_code ignored;
    fs::rename(aside, file, ignored);
  });
}

fs::path folder_that_is_there(const fs::path& file) {
  std::error_code ignored;
  fs::path folder = file.parent_path();
  while (folder.has_relative_path() && !fs::exists(folder, ignored)) folder = folder.parent_path();
  return folder;
}

}  // namespace

void check_final_names(const ScratchFolder& scratch, const std::vector<fs::path>& finals) {
  const fs::path folder = scratch.path().parent_path();
  std::set<fs::path> writable{folder};
  std::error_code error;
  for (const auto& file : finals) {
    refuse_folder(file);
    fs::create_directories(scratch.name(file.lexically_relative(folder)), error);
    check_written(error, file);
    const fs::path above = folder_that_is_there(file);
    if (file.has_parent_path() && writable.insert(above).second) const ScratchFolder probe(above);
  }
  fs::remove_all(scratch.names(), error);
}

void take_final_names(const ScratchFolder& scratch, const std::vector<fs::path>& finals) {
  Steps steps;
  for (const auto& file : finals) make_folder(file.parent_path(), file, steps);
  for (std::size_t i = 0; i < finals.size(); ++i) {
    const fs::path& file = finals[i];
    std::error_code error;
    const bool replaces = fs::exists(fs::symlink_status(file, error));
    if (replaces) set_aside(file, scratch.path() / ("old " + std::to_string(i)), steps);
    fs::rename(scratch.file(i), file, error);
    check_written(error, file);
    if (!replaces) remove_step(file, steps);
  }
  steps.keep();
}

}  // namespace demucs_ort_files
