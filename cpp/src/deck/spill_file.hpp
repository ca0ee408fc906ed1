#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>

namespace demucs_ort {

/// A temporary file of blocks of one size. It vanishes with the object; where the system allows, it has no name from
/// the start and so does not outlive a crash.
class SpillFile {
 public:
  /// Throws Error invalid_argument if no file can be made in the folder.
  SpillFile(const std::filesystem::path& folder, std::size_t block_bytes);
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  /// The parts of a block, one after another. Both throw Error runtime_failed.
  void put(std::size_t index, std::initializer_list<std::span<const std::byte>> parts);
  void get(std::size_t index, std::initializer_list<std::span<std::byte>> parts);

 private:
  std::filesystem::path path_;
  std::size_t block_bytes_;
  std::fstream file_;
};

}  // namespace demucs_ort
