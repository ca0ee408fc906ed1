#pragma once

#include <filesystem>
#include <system_error>

inline namespace demucs_ort_files {

/// Where a path leads, by which two spellings of one place are told to be the same. Paths that lead nowhere, such as a
/// loop of links, are only made absolute: what uses the file then says what is wrong.
inline std::filesystem::path place_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto place = std::filesystem::weakly_canonical(path, error);
  return error ? std::filesystem::absolute(path, error).lexically_normal() : place;
}

/// Whether something has that name; what cannot be looked at does not.
inline bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace demucs_ort_files
