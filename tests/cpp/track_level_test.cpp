#include "separation/track_level.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "demucs_ort/error.hpp"

using namespace demucs_ort;

namespace {

TrackLevel measure(const std::vector<float>& left, const std::vector<float>& right, std::size_t block) {
  TrackLevel level;
  for (std::size_t at = 0; at < left.size(); at += block) {
    const std::array<const float*, 2> channels{left.data() + at, right.data() + at};
    level.add(channels.data(), 2, std::min(block, left.size() - at));
  }
  return level;
}

}  // namespace

TEST(TrackLevel, IsMeanAndUnbiasedDeviationOfTheMonoMix) {
  // mono mix 1, 2, 3, 6: mean 3, sum of squares 4 + 1 + 0 + 9 = 14, variance 14 / 3
  const TrackLevel level = measure({0, 4, 2, 6}, {2, 0, 4, 6}, 4);
  EXPECT_EQ(level.frames(), 4U);
  EXPECT_FLOAT_EQ(level.mean(), 3.0F);
  EXPECT_FLOAT_EQ(level.scale(), 2.16024690F);
}

TEST(TrackLevel, DoesNotDependOnTheBlocks) {
  std::vector<float> left;
  for (int i = 0; i < 1000; ++i) left.push_back(1000.0F + static_cast<float>((i * 7919) % 1000) / 1000.0F);
  const TrackLevel whole = measure(left, left, 1000);
  for (const std::size_t block : {1U, 7U, 333U}) {
    const TrackLevel level = measure(left, left, block);
    EXPECT_FLOAT_EQ(level.mean(), whole.mean());
    EXPECT_NEAR(level.scale(), whole.scale(), 1e-6);
  }
  EXPECT_NEAR(whole.scale(), 0.2888194, 1e-4);
}

TEST(TrackLevel, SilenceConstantsAndSingleFramesHaveNoDeviation) {
  for (const std::vector<float>& signal : {std::vector<float>(50, 0.0F), std::vector<float>(50, 0.1F), {0.7F}}) {
    const TrackLevel level = measure(signal, signal, 16);
    EXPECT_NEAR(level.scale(), 1e-8F, 1e-9F);
    EXPECT_FLOAT_EQ(level.mean(), signal[0]);
  }
}

TEST(TrackLevel, RefusesSamplesThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    try {
      measure({0, 0, 0, 0}, {0, 0, 0, bad}, 2);
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::bad_audio);
      EXPECT_NE(std::string(error.what()).find("channel 1, frame 3"), std::string::npos) << error.what();
    }
  }
}
