#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "write/folder_lock.hpp"

inline namespace demucs_ort_files {

/// A hidden folder for unfinished files, on the same disk as the final ones so that they can be renamed out of it. It
/// goes away with the object. If the process dies before, the next scratch folder beside it removes it, on this machine
/// only: elsewhere nobody can tell whether the process lives. Throws ExitError exit_output.
class ScratchFolder {
 public:
  /// Makes `parent`, too, if it is not there.
  explicit ScratchFolder(const std::filesystem::path& parent);
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  /// Whether a path is named like one, of any process.
  static bool is_one(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// A folder in it for names that are tried out.
  std::filesystem::path names() const;
  /// A name in that folder. Throws ExitError exit_output where it is too long.
  std::filesystem::path name(const std::filesystem::path& relative) const;
  /// Where an unfinished file lies: by number, so that names of folders and their length do not matter.
  std::filesystem::path file(std::size_t number) const;

 private:
  std::filesystem::path path_;
  std::optional<FolderLock> lock_;
};

}  // namespace demucs_ort_files
