#pragma once

#include <string>
#include <string_view>

inline namespace demucs_ort_files {

/// Letters of ASCII, whatever the host's locale says of others: in Turkish the C library leaves 'I' as it is.
constexpr bool is_ascii_upper(char letter) noexcept { return letter >= 'A' && letter <= 'Z'; }
constexpr bool is_ascii_lower(char letter) noexcept { return letter >= 'a' && letter <= 'z'; }

inline std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (is_ascii_upper(letter)) letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

}  // namespace demucs_ort_files
