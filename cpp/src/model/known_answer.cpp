#include "model/known_answer.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "model/model_contract.hpp"

namespace demucs_ort {
namespace {

constexpr std::size_t samples_a_stem = 16;

}  // namespace

std::vector<float> known_signal(const ModelInfo& info) {
  std::vector<float> signal(info.channels * info.segment_frames);
  std::uint32_t state = 1;
  for (float& sample : signal) {
    state = state * 1664525U + 1013904223U;  // Numerical Recipes' "quick and dirty" generator
    sample = (static_cast<float>(state >> 8) / 16777216.0F - 0.5F) * 0.4F;
  }
  return signal;
}

std::vector<float> read_known_answer(const ModelInfo& info, const FindMetadata& find) {
  const auto text = find("demucs_ort.known_answer");
  if (!text) return {};
  std::vector<float> answer;
  const char* place = text->data();
  const char* const end = place + text->size();
  while (place < end) {
    int millionths = 0;
    const auto [rest, error] = std::from_chars(place, end, millionths);
    if (error != std::errc() || (rest < end && *rest != ',')) break;
    answer.push_back(static_cast<float>(millionths) * 1e-6F);
    place = rest < end ? rest + 1 : end;
  }
  if (place < end || answer.size() != samples_a_stem * info.sources.size()) {
    throw Error(Status::bad_model,
                "the model's metadata 'demucs_ort.known_answer' is damaged; export the model again with demucs-export");
  }
  return answer;
}

double known_answer_snr(const ModelInfo& info, const std::vector<float>& expected, const std::vector<float>& stems) {
  double power = 0;
  double error = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::size_t k = i % samples_a_stem;
    const std::size_t row = i / samples_a_stem * info.channels + k % info.channels;
    const std::size_t frame = (2 * k + 1) * info.segment_frames / (2 * samples_a_stem);
    const double wanted = expected[i];
    const double difference = static_cast<double>(stems[row * info.segment_frames + frame]) - wanted;
    power += wanted * wanted;
    error += difference * difference;
  }
  if (error == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(power / error);
}

}  // namespace demucs_ort
