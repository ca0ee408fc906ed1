#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

#include "model/onnxruntime.hpp"

namespace demucs_ort {

/// 23 of "1.23.2", which is also the newest interface: asked for a newer one, ONNX Runtime writes to standard error.
inline std::uint32_t newest_api(const OrtApiBase& runtime) {
  const std::string_view version = runtime.GetVersionString();
  std::uint32_t minor = 0;
  if (const auto dot = version.find('.'); dot != std::string_view::npos) {
    std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
  }
  return minor;
}

}  // namespace demucs_ort
