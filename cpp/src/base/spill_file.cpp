#include "base/spill_file.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <random>
#include <span>

#include "base/utf8.hpp"
#include "demucs_ort/error.hpp"

#ifndef _WIN32
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#endif

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

/// A file that the system removes by itself; null if there can be none.
std::FILE* open_temporary(const std::filesystem::path& folder) {
#ifdef _WIN32
  return _wfopen(random_path(folder).c_str(), L"w+bTD");
#else
  int file = -1;
#ifdef O_TMPFILE
  file = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);  // never has a name
#endif
  if (file < 0) {
    const auto path = random_path(folder);
    file = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file >= 0) unlink(path.c_str());
  }
  if (file < 0) return nullptr;
  std::FILE* stream = fdopen(file, "w+b");
  if (stream == nullptr) close(file);
  return stream;
#endif
}

template <typename Byte>
bool seek(std::FILE* file, std::size_t index, std::initializer_list<std::span<Byte>> parts) {
  std::size_t block_bytes = 0;
  for (const auto& part : parts) block_bytes += part.size();
#ifdef _WIN32
  return _fseeki64(file, static_cast<std::int64_t>(index * block_bytes), SEEK_SET) == 0;
#else
  return fseeko(file, static_cast<off_t>(index * block_bytes), SEEK_SET) == 0;
#endif
}

}  // namespace

SpillFile::SpillFile(const std::filesystem::path& folder) : folder_(folder), file_(open_temporary(folder)) {
  if (file_ == nullptr) {
    throw Error(Status::invalid_argument,
                "no file can be written in the spill folder '" + utf8(folder) + "'; choose another one");
  }
}

void SpillFile::put(std::size_t index, std::initializer_list<std::span<const std::byte>> parts) {
  bool well = seek(file_.get(), index, parts);
  for (const auto& part : parts) well = well && std::fwrite(part.data(), 1, part.size(), file_.get()) == part.size();
  if (std::fflush(file_.get()) != 0 || !well) {
    throw Error(Status::runtime_failed,
                "the spill file in '" + utf8(folder_) + "' cannot be written; is the disk full?");
  }
}

void SpillFile::get(std::size_t index, std::initializer_list<std::span<std::byte>> parts) {
  bool well = seek(file_.get(), index, parts);
  for (const auto& part : parts) well = well && std::fread(part.data(), 1, part.size(), file_.get()) == part.size();
  if (!well) throw Error(Status::runtime_failed, "the spill file in '" + utf8(folder_) + "' cannot be read back");
}

}  // namespace demucs_ort
