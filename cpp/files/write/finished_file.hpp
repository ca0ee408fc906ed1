#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

inline namespace demucs_ort_files {

/// A file that FFmpeg has completed, to be changed where FFmpeg cannot write what it should hold. Throws ExitError
/// exit_output.
class FinishedFile {
 public:
  explicit FinishedFile(const std::filesystem::path& path);

  std::uint64_t size();
  /// All of these bytes.
  std::string read(std::uint64_t at, std::size_t size);
  void write(std::uint64_t at, const std::string& bytes);
  /// Without it nobody knows whether all is written.
  void close();

 private:
  std::filesystem::path path_;
  std::fstream file_;
};

/// The unsigned number in these bytes of `bytes`.
std::uint64_t big_endian(const std::string& bytes, std::size_t at, std::size_t size);
std::uint64_t little_endian(const std::string& bytes, std::size_t at, std::size_t size);
std::string big_endian_bytes(std::uint64_t value, std::size_t size);
std::string little_endian_bytes(std::uint64_t value, std::size_t size);

}  // namespace demucs_ort_files
