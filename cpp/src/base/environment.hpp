#pragma once

#include <cstdlib>
#include <filesystem>

namespace demucs_ort {

/// The path that an environment variable holds; empty if it holds none. `std::getenv` would lose what the code page of
/// Windows lacks. Thread: none may set variables meanwhile.
inline std::filesystem::path path_of_variable(const char* name) {
#ifdef _WIN32
  const wchar_t* const value = _wgetenv(std::filesystem::path(name).c_str());
#else
  const char* const value = std::getenv(name);
#endif
  return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

}  // namespace demucs_ort
