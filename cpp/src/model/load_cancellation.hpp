#pragma once

#include <functional>

#include "model/onnxruntime.hpp"

namespace demucs_ort {

/// What makes ONNX Runtime give up creating a session with these options, from any thread while they live. Does nothing
/// before ONNX Runtime 1.22, which cannot be interrupted.
std::function<void()> stop_loading(const OrtApiBase& runtime, Ort::SessionOptions& session);

}  // namespace demucs_ort
