#include "model/provider_settings.hpp"

#include <string>

#include "demucs_ort/model.hpp"
#include "model/compute_shares.hpp"

namespace demucs_ort {
namespace {

/// What a provider is set up with unless the caller says otherwise.
ProviderSettings own_settings(const std::string& provider, const ModelOptions& options) {
  const auto threads = std::to_string(choose_shares(options, provider).threads);
  // Left to itself the provider rounds every factor to 10 bits (TF32: 68 instead of 127 dB), and an exhaustive search
  // takes seconds to find slower convolutions than the heuristic (docs/performance.md).
  if (provider == "cuda") return {{"use_tf32", "0"}, {"cudnn_conv_algo_search", "HEURISTIC"}};
  if (provider == "coreml") return {{"ModelFormat", "MLProgram"}};
  if (provider == "xnnpack") return {{"intra_op_num_threads", threads}};
  if (provider == "openvino" || provider == "openvino-bf16") {
    const std::string precision =
        std::string(R"("INFERENCE_PRECISION_HINT":")") + (provider == "openvino" ? "f32" : "bf16") + '"';
    std::string cpu = precision;
    if (options.threads > 0) cpu += R"(,"INFERENCE_NUM_THREADS":)" + threads;
    // A plug-in chooses the device itself, and each of them rounds unless told otherwise.
    if (provider == "openvino" && !options.provider_library.empty()) {
      return {{"load_config", R"({"CPU":{)" + cpu + R"(},"GPU":{)" + precision + R"(},"NPU":{)" + precision + "}}"}};
    }
    return {{"device_type", "CPU"}, {"load_config", R"({"CPU":{)" + cpu + "}}"}};  // on the processor's cores
  }
  return {};
}

}  // namespace

ProviderSettings provider_settings(const std::string& provider, const ModelOptions& options) {
  auto settings = own_settings(provider, options);
  for (const auto& [key, value] : options.provider_options) settings[key] = value;
  return settings;
}

}  // namespace demucs_ort
