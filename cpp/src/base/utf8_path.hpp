#pragma once

#include <filesystem>
#include <string_view>

namespace demucs_ort {

/// The path that this UTF-8 text names, on every system; std::filesystem::u8path is deprecated in C++20.
inline std::filesystem::path utf8_path(std::string_view text) {
  const auto* letters = reinterpret_cast<const char8_t*>(text.data());
  return {letters, letters + text.size()};
}

}  // namespace demucs_ort
