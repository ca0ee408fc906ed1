#include "separation/segment_plan.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "demucs_ort/model.hpp"
#include "rate/window_grid.hpp"
#include "separation/segment_spacing.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t segment = 100;

std::vector<double> summed_weights(const SegmentPlan& plan, std::size_t track) {
  std::vector<double> sums(track, 0.0);
  std::vector<float> weights(5 * segment);
  for (const auto& piece : plan.segments()) {
    plan.blend_weights(piece, 0, piece.frames, weights.data());
    for (std::size_t i = 0; i < piece.frames; ++i) {
      const auto at = piece.start + static_cast<std::ptrdiff_t>(i);
      if (at >= 0) sums.at(static_cast<std::size_t>(at)) += static_cast<double>(weights[i]);
    }
  }
  return sums;
}

}  // namespace

TEST(SegmentPlan, WalksLikeDemucs) {
  // demucs: offsets 0, 75, 150; TensorChunk.padded(100) of the chunk [150, 180) starts at 150 - 70 // 2
  const SegmentPlan plan(180, WindowGrid(segment), 75, {0});
  ASSERT_EQ(plan.segments().size(), 3U);
  const auto& last = plan.segments()[2];
  EXPECT_EQ(last.start, 150);
  EXPECT_EQ(last.frames, 30U);
  EXPECT_EQ(last.window, 115);
  EXPECT_EQ(plan.segments()[0].window, 0);
  EXPECT_EQ(plan.segments()[1].window, 75);
}

TEST(SegmentPlan, CentresATrackShorterThanASegment) {
  const SegmentPlan plan(31, WindowGrid(segment), 75, {0});
  ASSERT_EQ(plan.segments().size(), 1U);
  EXPECT_EQ(plan.segments()[0].window, -34);
  EXPECT_EQ(plan.segments()[0].frames, 31U);
}

TEST(SegmentPlan, ShiftedPassesStartBeforeTheTrack) {
  const SegmentPlan plan(100, WindowGrid(segment), 75, {20, 0});
  std::vector<std::ptrdiff_t> starts;
  for (const auto& piece : plan.segments()) starts.push_back(piece.start);
  EXPECT_EQ(starts, (std::vector<std::ptrdiff_t>{-20, 0, 55, 75}));
}

TEST(SegmentPlan, SegmentsThatWeighAlikeHaveTheSameWeights) {
  for (const std::size_t stride : {10U, 33U, 50U, 75U, 99U, 100U}) {
    const SegmentPlan plan(1234, WindowGrid(segment), stride, {0, 17});
    const auto weights = [&](const Segment& piece) {
      std::vector<float> values(piece.frames);
      plan.blend_weights(piece, 0, piece.frames, values.data());
      return values;
    };
    std::size_t alike = 0;
    const auto& pieces = plan.segments();
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      if (!plan.weighs_alike(pieces[i - 1], pieces[i])) continue;
      ++alike;
      ASSERT_EQ(weights(pieces[i - 1]), weights(pieces[i])) << "stride " << stride << ", segment " << i;
    }
    EXPECT_GT(alike, 2U) << "stride " << stride;
  }
}

TEST(SegmentPlan, TriangleOfTwoSegmentsIsBlendedAsDemucsDoes) {
  const SegmentPlan plan(150, WindowGrid(segment), 75, {0});
  std::vector<float> weights(segment);
  plan.blend_weights(plan.segments()[0], 0, plan.segments()[0].frames, weights.data());
  EXPECT_FLOAT_EQ(weights[10], 1.0F);
  // frame 80: 20 of the falling triangle (100 - 80) against 6 of the rising one (80 - 75 + 1)
  EXPECT_FLOAT_EQ(weights[80], 20.0F / 26.0F);
  plan.blend_weights(plan.segments()[1], 0, plan.segments()[1].frames, weights.data());
  EXPECT_FLOAT_EQ(weights[5], 6.0F / 26.0F);
  EXPECT_FLOAT_EQ(weights[30], 1.0F);
}

TEST(SegmentPlan, WeightsOfEveryFrameSumToOne) {
  for (const std::size_t track : {1U, 2U, 74U, 75U, 76U, 99U, 100U, 101U, 150U, 151U, 225U, 1000U, 1234U}) {
    for (const std::size_t stride : {1U, 10U, 25U, 50U, 75U, 99U, 100U}) {
      for (const std::vector<std::size_t>& leads : {std::vector<std::size_t>{0}, {3}, {0, 40, 50}}) {
        for (const double sum : summed_weights(SegmentPlan(track, WindowGrid(segment), stride, leads), track)) {
          ASSERT_NEAR(sum, 1.0, 1e-6) << "track " << track << " stride " << stride;
        }
      }
    }
  }
}

TEST(SegmentPlan, WindowsMoveForwardInStepsNoLongerThanASegment) {
  for (const std::size_t stride : {1U, 25U, 75U, 100U}) {
    const SegmentPlan plan(987, WindowGrid(segment), stride, {0, 17, 50});
    for (std::size_t i = 1; i < plan.segments().size(); ++i) {
      const auto step = plan.segments()[i].window - plan.segments()[i - 1].window;
      ASSERT_GE(step, 0);
      ASSERT_LE(step, static_cast<std::ptrdiff_t>(segment));
    }
  }
}

TEST(Stride, RoundsLikeDemucs) {
  EXPECT_EQ(stride_for(343980, 0.25), 257985U);
  EXPECT_EQ(stride_for(343980, 0.1), 309582U);
  EXPECT_EQ(stride_for(343980, 0.0), 343980U);
}

TEST(ShiftOffsets, AreThoseOfNumpyRandomState) {
  // numpy.random.RandomState(7).randint(0, 22051, 5) and RandomState(0)
  EXPECT_EQ(draw_shift_offsets(7, 5, max_shift(44100)), (std::vector<std::size_t>{16921, 10742, 5699, 20691, 919}));
  EXPECT_EQ(draw_shift_offsets(0, 3, max_shift(44100)), (std::vector<std::size_t>{2732, 10799, 9845}));
}

TEST(SegmentPlan, AtAnotherRateSegmentsLastAsLongAndWeightsSumToOne) {
  ModelInfo model;
  model.sample_rate = 441;
  model.segment_frames = segment;
  for (const int rate : {80, 220, 440, 480, 1920}) {
    const WindowGrid grid(model, rate);
    for (const std::size_t track : {1U, 70U, 333U, 987U}) {
      const SegmentPlan plan(track, grid, 75, {0, 17});
      for (const double sum : summed_weights(plan, track)) EXPECT_NEAR(sum, 1, 1e-6) << rate << " Hz";
      for (const Segment& piece : plan.segments()) {
        const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(75 * piece.index) - (piece.pass == 0 ? 0 : 17);
        EXPECT_EQ(piece.start, grid.at_host(start));
        EXPECT_LE(piece.start + static_cast<std::ptrdiff_t>(piece.frames),
                  piece.window + static_cast<std::ptrdiff_t>(grid.frames()));
        EXPECT_GE(piece.start, piece.window);
      }
    }
  }
}
