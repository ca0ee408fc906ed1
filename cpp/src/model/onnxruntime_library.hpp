#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace demucs_ort {

/// What is wrong with the ONNX Runtime library whose `OrtGetApiBase` this is; empty: nothing.
using CheckOnnxruntime = std::string (*)(void* entry_point);

/// Address of `OrtGetApiBase` in the ONNX Runtime shared library, which is loaded once per process and never unloaded.
/// Where it is looked for: see ModelOptions::onnxruntime_library. Thread-safe. Throws Error runtime_missing.
void* onnxruntime_entry_point(const std::filesystem::path& wanted, CheckOnnxruntime check);

/// The library by which another ONNX Runtime of this process is tied to its providers (cuda, tensorrt, openvino), if it
/// has loaded one; empty: it has not. The loader would tie the providers of ours to it as well, and they would call
/// into the wrong ONNX Runtime. `ours`: any address inside ours. Tells on Linux only.
std::filesystem::path tie_of_another_runtime(const void* ours);

/// A shared library, which stays loaded.
struct LoadedLibrary {
  std::filesystem::path path;
  void* handle;
  void* entry_point;
};

/// The first of the candidates that is a usable ONNX Runtime. Throws Error runtime_missing with every candidate's
/// reason.
LoadedLibrary load_onnxruntime(const std::vector<std::filesystem::path>& candidates, CheckOnnxruntime check);

}  // namespace demucs_ort
