#include "write/finished_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"

inline namespace demucs_ort_files {

FinishedFile::FinishedFile(const std::filesystem::path& path)
    : path_(path), file_(path, std::ios::in | std::ios::out | std::ios::binary) {}

std::uint64_t FinishedFile::size() {
  file_.seekg(0, std::ios::end);
  const std::streamoff size = file_.tellg();
  if (!file_) throw ExitError(exit_output, "cannot read back '" + demucs_ort::utf8(path_) + "'");
  return static_cast<std::uint64_t>(size);
}

std::string FinishedFile::read(std::uint64_t at, std::size_t size) {
  std::string bytes(size, '\0');
  file_.seekg(static_cast<std::streamoff>(at));
  file_.read(bytes.data(), static_cast<std::streamsize>(size));
  if (!file_) throw ExitError(exit_output, "cannot read back '" + demucs_ort::utf8(path_) + "'");
  return bytes;
}

void FinishedFile::write(std::uint64_t at, const std::string& bytes) {
  file_.seekp(static_cast<std::streamoff>(at));
  file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file_) throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(path_) + "'");
}

void FinishedFile::close() {
  file_.close();
  if (!file_) throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(path_) + "'");
}

std::uint64_t big_endian(const std::string& bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

std::uint64_t little_endian(const std::string& bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

std::string big_endian_bytes(std::uint64_t value, std::size_t size) {
  std::string bytes = little_endian_bytes(value, size);
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

std::string little_endian_bytes(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> 8 * i & 0xFF));
  return bytes;
}

}  // namespace demucs_ort_files
