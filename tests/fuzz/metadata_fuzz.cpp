// What a model file may say of itself. A line "key=value" is metadata, "<mix f -1 2 1000" an input, ">..." an output.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "input.hpp"
#include "model/known_answer.hpp"
#include "model/model_contract.hpp"

using namespace demucs_ort;

namespace {

TensorSpec tensor(const std::string& line) {
  std::istringstream words(line.substr(1));
  TensorSpec spec;
  std::string kind;
  words >> spec.name >> kind;
  spec.is_float32 = kind == "f";
  for (std::int64_t size = 0; words >> size;) spec.shape.push_back(size);
  return spec;
}

/// What the library allocates and writes by.
void check_usable(const ModelInfo& info) {
  expect(!info.name.empty() && info.sample_rate >= 8000 && info.sample_rate <= 768000, "a name or rate of no use");
  expect(info.channels >= 1 && info.segment_frames >= 1 && !info.sources.empty(), "nothing to compute");
  expect(info.channels * info.segment_frames * info.sources.size() <= std::size_t{1} << 25, "an absurd size");
  for (const auto& source : info.sources) {
    expect(!source.empty() && source.front() != '.' && source.find('/') == std::string::npos, "an unsafe file name");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  std::map<std::string, std::string> metadata;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::istringstream lines(bytes);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind('<', 0) == 0) {
      inputs.push_back(tensor(line));
    } else if (line.rfind('>', 0) == 0) {
      outputs.push_back(tensor(line));
    } else if (const auto at = line.find('='); at != std::string::npos) {
      metadata["demucs_ort." + line.substr(0, at)] = line.substr(at + 1);
    }
  }
  const FindMetadata find = [&](const std::string& key) -> std::optional<std::string> {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    return found->second;
  };
  try {
    check_self_contained(bytes);
    const ModelInfo info = read_contract(inputs, outputs, find);
    check_usable(info);
    const auto answer = read_known_answer(info, find);
    const auto signal = known_signal(info);
    if (signal.size() * info.sources.size() > 100'000) return 0;  // only to be quick
    const std::vector<float> stems(signal.size() * info.sources.size(), 0.5F);
    if (!answer.empty()) known_answer_snr(info, answer, stems);
  } catch (const Error& error) {
    expect(error.status() == Status::bad_model, "a status that does not blame the model");
  }
  return 0;
}
