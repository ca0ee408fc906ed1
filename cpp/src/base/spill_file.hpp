#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>

namespace demucs_ort {

/// A temporary file of blocks of one size. It vanishes with the object and with the process, however that dies. One
/// thread at a time.
class SpillFile {
 public:
  /// Throws Error invalid_argument if no file can be made in the folder.
  explicit SpillFile(const std::filesystem::path& folder);
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  virtual ~SpillFile() = default;

  /// The parts of a block, one after another; all blocks have the same size. Both throw Error runtime_failed.
  virtual void put(std::size_t index, std::initializer_list<std::span<const std::byte>> parts);
  virtual void get(std::size_t index, std::initializer_list<std::span<std::byte>> parts);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path folder_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace demucs_ort
