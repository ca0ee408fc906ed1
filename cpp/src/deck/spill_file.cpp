#include "deck/spill_file.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <ios>
#include <random>
#include <span>
#include <system_error>

#include "demucs_ort/error.hpp"

namespace demucs_ort {
namespace {

/// Not made with the operator /: that of libstdc++ 12 crashes when there is no memory for it.
std::filesystem::path random_path(const std::filesystem::path& folder) {
  std::random_device random;
  std::array<char, 48> name{};
  std::snprintf(name.data(), name.size(), "demucs_ort_%08x%08x.stems", static_cast<unsigned>(random()),
                static_cast<unsigned>(random()));
  return folder.native() + std::filesystem::path::preferred_separator + std::filesystem::path(name.data()).native();
}

template <typename Byte>
std::streamoff offset(std::size_t index, std::initializer_list<std::span<Byte>> parts) {
  std::size_t block_bytes = 0;
  for (const auto& part : parts) block_bytes += part.size();
  return static_cast<std::streamoff>(index * block_bytes);
}

}  // namespace

SpillFile::SpillFile(const std::filesystem::path& folder) : path_(random_path(folder)) {
  file_.open(path_, std::ios::binary | std::ios::in | std::ios::out | std::ios::trunc);
  if (!file_) {
    throw Error(Status::invalid_argument,
                "no file can be written in the spill folder '" + folder.string() + "'; choose another one");
  }
  std::error_code in_use;  // then the destructor removes it
  std::filesystem::remove(path_, in_use);
}

SpillFile::~SpillFile() {
  file_.close();
  std::error_code gone;
  std::filesystem::remove(path_, gone);
}

void SpillFile::put(std::size_t index, std::initializer_list<std::span<const std::byte>> parts) {
  file_.clear();
  file_.seekp(offset(index, parts));
  for (const auto& part : parts) {
    file_.write(reinterpret_cast<const char*>(part.data()), static_cast<std::streamsize>(part.size()));
  }
  file_.flush();
  if (!file_) {
    throw Error(Status::runtime_failed,
                "the spill file in '" + path_.parent_path().string() + "' cannot be written; is the disk full?");
  }
}

void SpillFile::get(std::size_t index, std::initializer_list<std::span<std::byte>> parts) {
  file_.clear();
  file_.seekg(offset(index, parts));
  for (const auto& part : parts) {
    file_.read(reinterpret_cast<char*>(part.data()), static_cast<std::streamsize>(part.size()));
  }
  if (!file_) {
    throw Error(Status::runtime_failed, "the spill file in '" + path_.parent_path().string() + "' cannot be read back");
  }
}

}  // namespace demucs_ort
