#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>

namespace demucs_ort {

/// A temporary file of blocks of one size. It vanishes with the object; where the system allows, it has no name from
/// the start and so does not outlive a crash. One thread at a time.
class SpillFile {
 public:
  /// Throws Error invalid_argument if no file can be made in the folder.
  explicit SpillFile(const std::filesystem::path& folder);
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  virtual ~SpillFile();

  /// The parts of a block, one after another; all blocks have the same size. Both throw Error runtime_failed.
  virtual void put(std::size_t index, std::initializer_list<std::span<const std::byte>> parts);
  virtual void get(std::size_t index, std::initializer_list<std::span<std::byte>> parts);

 private:
  std::filesystem::path path_;
  std::fstream file_;
};

}  // namespace demucs_ort
