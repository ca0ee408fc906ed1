#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#ifdef _WIN32
#include <fstream>
#endif

inline namespace demucs_ort_files {

/// Tells other processes that whoever works in a folder is alive: a locked file in it. The system lets go of it when
/// the process ends, in whatever way.
class FolderLock {
 public:
  /// Locks a new folder; nothing if another process has taken it for an abandoned one meanwhile. Where the file system
  /// knows no locks, the folder is marked as one that is never abandoned.
  static std::optional<FolderLock> take(const std::filesystem::path& folder);
  /// Removes the folder if nobody holds its lock.
  static void remove_abandoned(const std::filesystem::path& folder);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~FolderLock();

 private:
#ifdef _WIN32
  explicit FolderLock(std::ofstream file);
  std::ofstream file_;  // Windows does not remove an open file
#else
  explicit FolderLock(int file) noexcept : file_(file) {}
  int file_;
#endif
};

}  // namespace demucs_ort_files
