#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace demucs_ort {

/// Text of a file, a system or a library, which may be in any encoding, as UTF-8: U+FFFD stands where it is none.
inline std::string utf8_text(std::string_view text) {
  using nlohmann::json;
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

}  // namespace demucs_ort
