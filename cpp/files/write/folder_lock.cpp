#include "write/folder_lock.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"

#ifdef _WIN32
#include <fstream>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

constexpr const char* lock_name = "lock";
constexpr const char* no_locks_here = "unlocked";

/// Removes a folder without lock. If it is empty, whoever made it died or has yet to lock it, and will then make
/// another; else somebody died who was removing it.
void remove_unmarked(const fs::path& folder) {
  std::error_code ignored;
  if (fs::remove(folder, ignored)) return;
  const bool marked = fs::exists(folder / lock_name, ignored) || fs::exists(folder / no_locks_here, ignored);
  if (!marked) fs::remove_all(folder, ignored);
}

[[noreturn]] void fail(const fs::path& file, int error) {
  throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(file) + "': " + std::strerror(error));
}

}  // namespace

#ifdef _WIN32

FolderLock::FolderLock(std::ofstream file) : file_(std::move(file)) {}
FolderLock::FolderLock(FolderLock&& other) noexcept = default;
FolderLock::~FolderLock() = default;

std::optional<FolderLock> FolderLock::take(const fs::path& folder) {
  const fs::path place = folder / lock_name;
  std::ofstream file(place);
  if (file) return FolderLock(std::move(file));
  const int reason = errno;
  std::error_code error;
  if (reason != ENOENT || fs::is_directory(folder, error)) fail(place, reason);
  return std::nullopt;
}

void FolderLock::remove_abandoned(const fs::path& folder) {
  std::error_code held;
  if (fs::remove(folder / lock_name, held)) {
    fs::remove_all(folder, held);
  } else if (!held) {
    remove_unmarked(folder);
  }
}

#else

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock::~FolderLock() {
  if (file_ >= 0) close(file_);
}

std::optional<FolderLock> FolderLock::take(const fs::path& folder) {
  const fs::path place = folder / lock_name;
  FolderLock lock(open(place.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (lock.file_ < 0) {
    if (errno == ENOENT) return std::nullopt;
    fail(place, errno);
  }
  if (flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    std::error_code error;
    fs::rename(place, folder / no_locks_here, error);
    if (error) fail(place, error.value());
    return lock;
  }
  struct stat status{};
  if (fstat(lock.file_, &status) != 0 || status.st_nlink == 0) return std::nullopt;  // removed before it was locked
  return lock;
}

void FolderLock::remove_abandoned(const fs::path& folder) {
  const fs::path place = folder / lock_name;
  std::error_code ignored;
  {
    const FolderLock lock(open(place.c_str(), O_RDWR | O_CLOEXEC));
    if (lock.file_ < 0) {
      if (errno == ENOENT) remove_unmarked(folder);
      return;
    }
    if (flock(lock.file_, LOCK_EX | LOCK_NB) != 0) return;
    fs::remove(place, ignored);
  }  // network file systems keep a removed file in its folder while it is open
  fs::remove_all(folder, ignored);
}

#endif

}  // namespace demucs_ort_files
