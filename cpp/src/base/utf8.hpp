#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#ifdef _WIN32
#include "base/utf8_text.hpp"
#endif

namespace demucs_ort {

/// The path that this UTF-8 text names, on every system; std::filesystem::u8path is deprecated in C++20. Where paths
/// are text and not bytes (Windows), U+FFFD stands for what is no UTF-8, and leads to no file.
inline std::filesystem::path utf8_path(std::string_view text) {
#ifdef _WIN32
  const std::string valid = utf8_text(text);
  text = valid;
#endif
  const auto* letters = reinterpret_cast<const char8_t*>(text.data());
  return {letters, letters + text.size()};
}

/// The path as UTF-8 text; `string()` would follow the code page of Windows, and throw for what that lacks. Where
/// paths are bytes, such as on Linux, these are the same bytes.
inline std::string utf8(const std::filesystem::path& path) {
  const auto text = path.u8string();
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

}  // namespace demucs_ort
