#pragma once

#include <filesystem>

namespace demucs_ort {

/// Address of `OrtGetApiBase` in the ONNX Runtime shared library, which is loaded once per process and never unloaded.
/// Where it is looked for: see ModelOptions::onnxruntime_library. Thread-safe. Throws Error runtime_missing.
void* onnxruntime_entry_point(const std::filesystem::path& wanted);

}  // namespace demucs_ort
