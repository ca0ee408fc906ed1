#include "model/model_providers.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.hpp"
#include "base/utf8_text.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "model/onnxruntime_library.hpp"
#include "model/provider_plugin.hpp"
#include "model/provider_settings.hpp"

namespace demucs_ort {
namespace {

struct Provider {
  const char* name;
  const char* runtime_name;  ///< in GetAvailableProviders
  const char* found_in;      ///< a runtime that has it
};

constexpr std::array<Provider, 9> known{
    {{"cuda", "CUDAExecutionProvider", "the Python package onnxruntime-gpu"},
     {"tensorrt", "TensorrtExecutionProvider", "the Python package onnxruntime-gpu"},
     {"directml", "DmlExecutionProvider", "the Python package onnxruntime-directml"},
     {"coreml", "CoreMLExecutionProvider", "the Python package onnxruntime on macOS"},
     {"webgpu", "WebGpuExecutionProvider", "builds of ONNX Runtime made with it"},
     {"openvino", "OpenVINOExecutionProvider", "the Python package onnxruntime-openvino"},
     {"openvino-bf16", "OpenVINOExecutionProvider", "the Python package onnxruntime-openvino"},
     {"xnnpack", "XnnpackExecutionProvider", "builds of ONNX Runtime made with it"},
     {"cpu", "CPUExecutionProvider", "every ONNX Runtime"}}};

/// Of "auto": the accelerators that are ready within seconds. TensorRT builds an engine for minutes; OpenVINO and
/// XNNPACK compute on the same cores as "cpu".
constexpr std::array<const char*, 3> automatic{"cuda", "directml", "coreml"};

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const Provider& find_provider(const std::string& name) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const auto& p) { return name == p.name; });
  if (found != known.end()) return *found;
  std::vector<std::string> names{"auto"};
  for (const auto& provider : known) names.push_back(provider.name);
  throw Error(Status::invalid_argument, "there is no provider '" + name + "'; this version knows " + list(names));
}

/// A provider that a library adds: its name here and in ONNX Runtime.
struct Added {
  std::string name;
  std::string runtime_name;
};

/// Names that are not `known` are ONNX Runtime's in short: "vitisai" for "VitisAIExecutionProvider".
std::string short_name(std::string runtime_name) {
  constexpr std::string_view end = "ExecutionProvider";
  if (const auto at = runtime_name.rfind(end); at != std::string::npos && at != 0) runtime_name.erase(at);
  for (char& letter : runtime_name) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return runtime_name;
}

std::vector<Added> added_by(const std::filesystem::path& library) {
  std::vector<Added> all;
  if (library.empty()) return all;
  for (const auto& runtime_name : plugin_providers(library)) {
    const auto before = all.size();
    for (const auto& provider : known) {
      if (runtime_name == provider.runtime_name) all.push_back({provider.name, runtime_name});
    }
    if (all.size() == before) all.push_back({short_name(runtime_name), runtime_name});
  }
  return all;
}

template <typename Handle, typename Create, typename Update, typename Release, typename Append>
void append_with_handle(const ProviderSettings& settings, const Create& create, const Update& update,
                        const Release& release, const Append& append) {
  Handle* handle = nullptr;
  Ort::ThrowOnError(create(&handle));
  const std::unique_ptr<Handle, Release> owner(handle, release);
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : settings) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  if (!keys.empty()) Ort::ThrowOnError(update(handle, keys.data(), values.data(), keys.size()));
  append(*handle);
}

void append_cuda(Ort::SessionOptions& session, const ProviderSettings& settings) {
  const OrtApi& api = Ort::GetApi();
  append_with_handle<OrtCUDAProviderOptionsV2>(
      settings, api.CreateCUDAProviderOptions, api.UpdateCUDAProviderOptions, api.ReleaseCUDAProviderOptions,
      [&](const auto& handle) { session.AppendExecutionProvider_CUDA_V2(handle); });
}

void append_tensorrt(Ort::SessionOptions& session, const ProviderSettings& settings) {
  const OrtApi& api = Ort::GetApi();
  append_with_handle<OrtTensorRTProviderOptionsV2>(
      settings, api.CreateTensorRTProviderOptions, api.UpdateTensorRTProviderOptions,
      api.ReleaseTensorRTProviderOptions,
      [&](const auto& handle) { session.AppendExecutionProvider_TensorRT_V2(handle); });
}

/// Throws Error runtime_missing where a provider in a library of its own would be tied to another ONNX Runtime.
void require_own_tie(const std::string& provider) {
  const auto tie = tie_of_another_runtime(reinterpret_cast<const void*>(Ort::GetApi().CreateEnv));
  if (tie.empty()) return;
  throw Error(Status::runtime_missing,
              "the provider " + provider +
                  " cannot be used, because another ONNX Runtime of this process has loaded '" + utf8(tie) +
                  "'; let both be one by pointing DEMUCS_ORT_ONNXRUNTIME at the library beside that file, or "
                  "use the provider cpu");
}

void append(Ort::SessionOptions& session, const std::string& provider, const ModelOptions& options) {
  if (provider == "cuda" || provider == "tensorrt" || provider.rfind("openvino", 0) == 0) require_own_tie(provider);
  const auto settings = provider_settings(provider, options);
  if (provider == "cuda") return append_cuda(session, settings);
  if (provider == "tensorrt") {
    append_tensorrt(session, settings);
    return append_cuda(session, provider_settings("cuda", {}));  // for what TensorRT turns down
  }
  if (provider == "openvino" || provider == "openvino-bf16") {
    // Otherwise what OpenVINO turns down would be computed, unnoticed, by ONNX Runtime itself.
    session.AddConfigEntry("session.disable_cpu_ep_fallback", "1");
    return void(session.AppendExecutionProvider_OpenVINO_V2(settings));
  }
  if (provider == "coreml") return void(session.AppendExecutionProvider("CoreML", settings));
  if (provider == "directml") {
    // With it, DirectML computes HTDemucs wrongly (microsoft/onnxruntime#21007).
    session.AddConfigEntry("ep.dml.disable_graph_fusion", "1");
    return void(session.AppendExecutionProvider("DML", settings));
  }
  session.AppendExecutionProvider(provider == "webgpu" ? "WebGPU" : "XNNPACK", settings);
}

/// Of the caller's library.
void append_added(Ort::SessionOptions& session, const std::string& provider, const ModelOptions& options) {
  const auto added = added_by(options.provider_library);
  const auto library = "the provider library '" + utf8(options.provider_library) + "' ";
  if (added.empty()) {
    throw Error(Status::runtime_missing, library +
                                             "finds no device on this machine that it can use; install the driver of "
                                             "the device, or leave the library out");
  }
  const auto found = std::find_if(added.begin(), added.end(), [&](const auto& one) { return one.name == provider; });
  if (found == added.end()) {
    std::vector<std::string> names;
    for (const auto& one : added) names.push_back(one.name);
    throw Error(Status::invalid_argument,
                library + "has no provider '" + provider + "', only " + list(names) + "; name one of these, or auto");
  }
  add_plugin_provider(session, found->runtime_name, provider, options);
}

void append_offered(Ort::SessionOptions& session, const std::string& provider, const ModelOptions& options) {
  const Provider& found = find_provider(provider);
  const auto offered = offered_providers(options);
  if (std::find(offered.begin(), offered.end(), provider) == offered.end()) {
    throw Error(Status::runtime_missing, "this ONNX Runtime does not offer the provider " + provider + ", only " +
                                             list(offered) + "; point DEMUCS_ORT_ONNXRUNTIME at the library in " +
                                             found.found_in);
  }
  append(session, provider, options);
}

}  // namespace

std::vector<std::string> offered_providers(const ModelOptions& options) {
  const auto offered = Ort::GetAvailableProviders();
  std::vector<std::string> names;
  for (const auto& provider : added_by(options.provider_library)) names.push_back(provider.name);
  for (const auto& provider : known) {
    if (std::find(offered.begin(), offered.end(), provider.runtime_name) != offered.end() &&
        std::find(names.begin(), names.end(), provider.name) == names.end()) {
      names.push_back(provider.name);
    }
  }
  return names;
}

std::vector<std::string> provider_candidates(const ModelOptions& options) {
  if (options.provider != "auto") return {options.provider};
  if (!options.provider_library.empty()) {
    const auto added = added_by(options.provider_library);
    // Without a provider the library's name stands for it, so that the caller learns why "cpu" computes.
    return {added.empty() ? utf8(options.provider_library.filename()) : added.front().name, "cpu"};
  }
  const auto offered = offered_providers(options);
  std::vector<std::string> names;
  std::copy_if(automatic.begin(), automatic.end(), std::back_inserter(names), [&](const std::string& name) {
    return std::find(offered.begin(), offered.end(), name) != offered.end();
  });
  names.push_back("cpu");
  return names;
}

bool takes_batches(const std::string& provider) { return provider == "cpu" || provider == "cuda"; }

void add_provider(Ort::SessionOptions& session, const std::string& provider, const ModelOptions& options) {
  const bool from_library = !options.provider_library.empty() && !(options.provider == "auto" && provider == "cpu");
  if (provider == "cpu" && !from_library) {
    if (!options.provider_options.empty() && options.provider == "cpu") {
      throw Error(Status::invalid_argument, "the provider cpu takes no options");
    }
    return;
  }
  try {
    from_library ? append_added(session, provider, options) : append_offered(session, provider, options);
  } catch (const Ort::Exception& failure) {
    throw Error(Status::runtime_missing,
                "the provider " + provider + " cannot be used on this machine (" + utf8_text(failure.what()) + ")");
  }
  if (takes_batches(provider)) return;
  // With every shape known providers are faster and take less memory; they get one segment at a time.
  Ort::ThrowOnError(Ort::GetApi().AddFreeDimensionOverrideByName(session, "batch", 1));
}

}  // namespace demucs_ort
