#include "write/rate_stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "write/stage.hpp"

namespace {

class Collected : public Stage {
 public:
  explicit Collected(std::vector<float>& samples) : samples_(samples) {}
  void write(std::size_t frames, const float* const* const* streams) override {
    samples_.insert(samples_.end(), streams[0][0], streams[0][0] + frames);
  }

 private:
  std::vector<float>& samples_;
};

/// A sine of so many frames, converted; in pieces of 777 frames.
std::vector<float> converted(std::size_t frames, int from, int to, std::optional<std::uint64_t> length) {
  std::vector<float> samples;
  StageList stages;
  stages.add<RateStage>(1, 1, from, to, length);
  stages.add<Collected>(samples);
  std::vector<float> sine(frames);
  for (std::size_t i = 0; i < frames; ++i) sine[i] = std::sin(0.01F * static_cast<float>(i));
  for (std::size_t first = 0; first < frames; first += 777) {
    const float* channel = sine.data() + first;
    const float* const* stream = &channel;
    stages.write(std::min<std::size_t>(777, frames - first), &stream);
  }
  stages.finish();
  return samples;
}

}  // namespace

TEST(RateStage, TellsWhatFFmpegRefuses) {
  try {
    RateStage(1, 2, 44'100, 0, 10);
    FAIL() << "a rate of 0 was accepted";
  } catch (const ExitError& error) {
    EXPECT_EQ(error.code(), exit_output);
    EXPECT_NE(std::string(error.what()).find("sample rate"), std::string::npos);
  }
}

TEST(RateStage, GivesWhatCameItsLengthIfItWasToldNone) {
  for (const int to : {8'000, 44'100, 48'000, 192'000}) {
    for (const std::size_t frames : {std::size_t{1}, std::size_t{777}, std::size_t{5000}}) {
      const auto length = rescaled(frames, 44'100, to);
      const auto told = converted(frames, 44'100, to, length);
      EXPECT_EQ(told.size(), length);
      EXPECT_EQ(converted(frames, 44'100, to, std::nullopt), told) << frames << " frames to " << to << " Hz";
    }
  }
}
