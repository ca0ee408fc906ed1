#include "model/provider_settings.hpp"

#include <gtest/gtest.h>

#include "demucs_ort/model.hpp"

using namespace demucs_ort;

TEST(ProviderSettings, CudaComputesInFullFloat32AndSearchesBriefly) {
  const ProviderSettings expected{{"use_tf32", "0"}, {"cudnn_conv_algo_search", "HEURISTIC"}};
  EXPECT_EQ(provider_settings("cuda", {}), expected);
}

TEST(ProviderSettings, TheCallersOptionsWin) {
  ModelOptions options;
  options.provider_options = {{"use_tf32", "1"}, {"device_id", "1"}};
  const ProviderSettings expected{{"use_tf32", "1"}, {"cudnn_conv_algo_search", "HEURISTIC"}, {"device_id", "1"}};
  EXPECT_EQ(provider_settings("cuda", options), expected);
}

TEST(ProviderSettings, OpenVinoGetsPrecisionAndThreads) {
  ModelOptions options;
  options.threads = 3;
  EXPECT_EQ(provider_settings("openvino", {}).at("load_config"), R"({"CPU":{"INFERENCE_PRECISION_HINT":"f32"}})");
  EXPECT_EQ(provider_settings("openvino-bf16", options).at("load_config"),
            R"({"CPU":{"INFERENCE_PRECISION_HINT":"bf16","INFERENCE_NUM_THREADS":3}})");
}

TEST(ProviderSettings, OpenVinoAsAPlugInGetsPrecisionOnEveryDeviceAndChoosesNone) {
  ModelOptions options;
  options.provider_library = "libonnxruntime_providers_openvino_plugin.so";
  options.threads = 3;
  const ProviderSettings expected{
      {"load_config", R"({"CPU":{"INFERENCE_PRECISION_HINT":"f32","INFERENCE_NUM_THREADS":3},)"
                      R"("GPU":{"INFERENCE_PRECISION_HINT":"f32"},"NPU":{"INFERENCE_PRECISION_HINT":"f32"}})"}};
  EXPECT_EQ(provider_settings("openvino", options), expected);
  EXPECT_EQ(provider_settings("openvino-bf16", options).at("device_type"), "CPU");
}

TEST(ProviderSettings, OthersGetOnlyWhatTheCallerSays) {
  ModelOptions options;
  options.provider_options = {{"device_id", "1"}};
  EXPECT_EQ(provider_settings("directml", options), ProviderSettings({{"device_id", "1"}}));
  EXPECT_TRUE(provider_settings("tensorrt", {}).empty());
}
