// Runs a model file with ONNX Runtime alone, without our library: separates one segment of two tones and prints the
// level of every stem.
//
// usage: plain_onnxruntime MODEL.onnx
#include <onnxruntime_cxx_api.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Ort::Env environment(ORT_LOGGING_LEVEL_WARNING, "example");
  Ort::SessionOptions options;
  options.DisableMemPattern();  // with it a run takes twice the memory
  Ort::Session session(environment, std::filesystem::path(argv[1]).c_str(), options);
  Ort::AllocatorWithDefaultOptions allocator;
  const auto metadata = session.GetModelMetadata();
  const auto fact = [&](const char* key) {
    return std::string(metadata.LookupCustomMetadataMapAllocated(key, allocator).get());
  };
  const auto frames = std::stoul(fact("demucs_ort.segment_frames"));
  const double rate = std::stod(fact("demucs_ort.sample_rate"));

  std::vector<float> mix(2 * frames);
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < frames; ++i) {
    const double turn = 2 * std::acos(-1.0) * static_cast<double>(i) / rate;
    mix[i] = static_cast<float>(0.3 * std::sin(70 * turn));
    mix[frames + i] = static_cast<float>(0.3 * std::sin(560 * turn));
    const double mono = (static_cast<double>(mix[i]) + static_cast<double>(mix[frames + i])) / 2;
    sum += mono;
    squares += mono * mono;
  }
  const double count = static_cast<double>(frames);
  const auto mean = static_cast<float>(sum / count);
  const auto deviation = static_cast<float>(std::sqrt((squares - sum * sum / count) / (count - 1)));
  for (float& sample : mix) sample = (sample - mean) / deviation;

  const std::vector<std::int64_t> shape{1, 2, static_cast<std::int64_t>(frames)};
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  auto input = Ort::Value::CreateTensor<float>(memory, mix.data(), mix.size(), shape.data(), shape.size());
  const char* input_name = "mix";
  const char* output_name = "stems";
  const auto outputs = session.Run(Ort::RunOptions{}, &input_name, &input, 1, &output_name, 1);
  const float* stem = outputs[0].GetTensorData<float>();  // [source][channel][frame]

  const std::string sources = fact("demucs_ort.sources") + ",";
  for (std::size_t at = 0; at < sources.size(); at = sources.find(',', at) + 1, stem += 2 * frames) {
    double power = 0;
    for (std::size_t i = 0; i < frames; ++i) power += std::pow(static_cast<double>(stem[i] * deviation + mean), 2);
    std::printf("%-8s %.4f\n", sources.substr(at, sources.find(',', at) - at).c_str(), std::sqrt(power / count));
  }
}
