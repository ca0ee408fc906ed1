#include "rate/window_grid.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "demucs_ort/model.hpp"
#include "rate/resampler.hpp"

using namespace demucs_ort;

namespace {

ModelInfo model() {
  ModelInfo info;
  info.sample_rate = 44'100;
  info.segment_frames = 171'990;
  return info;
}

constexpr int rates[] = {8000, 11'025, 22'050, 32'000, 44'099, 44'100, 48'000, 88'200, 96'000, 192'000};

}  // namespace

TEST(WindowGrid, AtTheModelsRateAWindowIsTheSegment) {
  const WindowGrid grid(model(), 44'100);
  EXPECT_TRUE(grid.is_one_rate());
  EXPECT_EQ(grid.frames(), 171'990U);
  EXPECT_EQ(grid.place(-85'000).window, -85'000);
  EXPECT_EQ(grid.place(-85'000).skipped, 0U);
  EXPECT_EQ(grid.length_at_model(1'234'567), 1'234'567U);
}

TEST(WindowGrid, WindowsBeginOnFramesOfBothRatesAndHoldTheSegmentWithItsSurroundings) {
  for (const int rate : rates) {
    const WindowGrid grid(model(), rate);
    const auto reach = rate == 44'100 ? 0.0 : resampler_reach * 44'100.0 / std::min(rate, 44'100);
    for (const std::ptrdiff_t start : {-100'000, -1, 0, 1, 77, 128'992, 10'000'001}) {
      const auto [window, skipped] = grid.place(start);
      // The same instant at both rates, in whole numbers.
      EXPECT_EQ(static_cast<std::ptrdiff_t>(window) * 44'100,
                (start - static_cast<std::ptrdiff_t>(skipped)) * std::ptrdiff_t{rate})
          << rate << " Hz, " << start;
      EXPECT_GE(static_cast<double>(skipped), reach);
      EXPECT_GE(static_cast<double>(grid.model_frames() - skipped - grid.segment_frames()), reach);
    }
    EXPECT_EQ(grid.frames() * 44'100, grid.model_frames() * static_cast<std::size_t>(rate));
  }
}

TEST(WindowGrid, FramesOfTheRatesFallIntoEachOther) {
  for (const int rate : rates) {
    const WindowGrid grid(model(), rate);
    for (const std::ptrdiff_t frame : {-1000, -1, 0, 1, 44'099, 44'100, 123'456'789}) {
      const double exact = static_cast<double>(frame) * rate / 44'100;
      EXPECT_EQ(static_cast<double>(grid.at_host(frame)), std::ceil(exact)) << rate;
      EXPECT_NEAR(grid.at_model(frame), static_cast<double>(frame) * 44'100 / rate, 1e-6) << rate;
    }
    for (const std::size_t frames : {1U, 2U, 159U, 160U, 161U, 1'000'000U}) {
      const auto length = static_cast<std::ptrdiff_t>(grid.length_at_model(frames));
      EXPECT_GE(grid.at_host(length), static_cast<std::ptrdiff_t>(frames)) << "the track's end would be missing";
      EXPECT_LT(grid.at_model(static_cast<std::ptrdiff_t>(frames) - 1), static_cast<double>(length));
    }
  }
}
