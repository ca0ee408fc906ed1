#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"
#include "model/onnxruntime.hpp"

namespace demucs_ort {

/// Has the runtime load a library of providers, unless it has already. The library stays loaded. Thread-safe. Throws
/// Error runtime_missing.
void load_provider_plugin(const OrtApiBase& runtime, const std::filesystem::path& library);

/// ONNX Runtime's names of the providers that a loaded library has for the devices of this machine.
std::vector<std::string> plugin_providers(const std::filesystem::path& library);

/// Lets the provider of that name, which options.provider_library has, compute on one device. Throws Error
/// runtime_missing if there is no such device, runtime_failed in a child that was forked after the library was loaded;
/// what the provider itself says is an Ort::Exception.
void add_plugin_provider(Ort::SessionOptions& session, const std::string& runtime_name, const std::string& provider,
                         const ModelOptions& options);

}  // namespace demucs_ort
