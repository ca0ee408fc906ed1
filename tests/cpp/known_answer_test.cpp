#include "model/known_answer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "model/model_contract.hpp"

using namespace demucs_ort;

namespace {

ModelInfo tiny() {
  ModelInfo info;
  info.channels = 2;
  info.segment_frames = 320;
  info.sources = {"drums", "bass"};
  return info;
}

FindMetadata holding(const std::optional<std::string>& text) {
  return [text](const std::string& key) { return key == "demucs_ort.known_answer" ? text : std::nullopt; };
}

std::string numbers(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i > 0 ? "," : "") + std::to_string(static_cast<int>(i) - 9);
  return text;
}

}  // namespace

TEST(KnownAnswer, SignalIsThatOfTheExporter) {
  const auto signal = known_signal(tiny());
  ASSERT_EQ(signal.size(), 640U);
  // (1664525 + 1013904223) >> 8 = 3967065, of 2^24.
  EXPECT_FLOAT_EQ(signal[0], (3967065.0F / 16777216.0F - 0.5F) * 0.4F);
  for (const float sample : signal) EXPECT_LE(std::abs(sample), 0.2F);
}

TEST(KnownAnswer, IsReadInMillionths) {
  const auto answer = read_known_answer(tiny(), holding(numbers(32)));
  ASSERT_EQ(answer.size(), 32U);
  EXPECT_FLOAT_EQ(answer[0], -9e-6F);
  EXPECT_FLOAT_EQ(answer[31], 22e-6F);
  EXPECT_TRUE(read_known_answer(tiny(), holding(std::nullopt)).empty());
  for (const auto& damaged : {numbers(31), numbers(33), std::string(), numbers(31) + ",x", numbers(31) + "; 1"}) {
    EXPECT_THROW(read_known_answer(tiny(), holding(damaged)), Error) << damaged;
  }
}

TEST(KnownAnswer, TellsNonsenseFromRounding) {
  const ModelInfo info = tiny();
  std::vector<float> stems(info.sources.size() * info.channels * info.segment_frames);
  for (std::size_t i = 0; i < stems.size(); ++i) stems[i] = std::sin(static_cast<float>(i));
  std::vector<float> expected;
  for (std::size_t source = 0; source < 2; ++source) {
    for (std::size_t k = 0; k < 16; ++k) expected.push_back(stems[(source * 2 + k % 2) * 320 + 10 + 20 * k]);
  }
  EXPECT_EQ(known_answer_snr(info, expected, stems), std::numeric_limits<double>::infinity());
  auto rounded = stems;
  for (float& sample : rounded) sample *= 1.01F;
  EXPECT_NEAR(known_answer_snr(info, expected, rounded), 40, 0.1);
  std::vector<float> nonsense(stems.rbegin(), stems.rend());
  EXPECT_LT(known_answer_snr(info, expected, nonsense), min_known_answer_snr);
  rounded[10] = std::nanf("");
  EXPECT_FALSE(known_answer_snr(info, expected, rounded) >= min_known_answer_snr);
}
