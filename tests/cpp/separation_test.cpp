#include "separation/separation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <limits>
#include <mutex>
#include <numbers>
#include <stdexcept>
#include <thread>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "one_by_one.hpp"
#include "rate/window_grid.hpp"
#include "separation/infer.hpp"
#include "separation/runs_in_flight.hpp"
#include "status_of.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t segment = 1000;
using Track = std::vector<std::vector<float>>;  // [channel][frame]

ModelInfo tiny_model() {
  ModelInfo info;
  info.sample_rate = 200;  // so that half a second, the largest shift, is 100 frames
  info.channels = 2;
  info.segment_frames = segment;
  info.sources = {"drums", "bass", "vocals"};
  return info;
}

Track make_track(std::size_t frames) {
  Track track(2);
  for (std::size_t i = 0; i < frames; ++i) {
    const double t = static_cast<double>(i);
    track[0].push_back(static_cast<float>(0.5 * std::sin(t * 0.05) + 0.1));
    track[1].push_back(static_cast<float>(0.3 * std::sin(t * t * 1e-4) - 0.05 * std::numbers::pi));
  }
  return track;
}

/// A "model" whose stems are fixed shares of what it hears: 0.5, 0.3, 0.2.
void shares(const float* mix, float* stems) {
  const float gains[] = {0.5F, 0.3F, 0.2F};
  for (std::size_t s = 0; s < 3; ++s) {
    for (std::size_t i = 0; i < 2 * segment; ++i) stems[s * 2 * segment + i] = gains[s] * mix[i];
  }
}

struct Result {
  std::vector<Track> stems;
  std::size_t max_read = 0;
};

/// Runs a separation through callbacks that check the order in which they are called.
Result separate(const Track& track, const SeparatorOptions& options, const Infer& infer = shares,
                const OnProgress& progress = {}, const CancelToken& cancel = {}, const InFlight& in_flight = {}) {
  Separation separation(tiny_model(), WindowGrid(segment), options, in_flight);
  Result result;
  result.stems.assign(separation.stems().size(), Track(2));
  std::size_t next_read = 0;
  int passes = 1;
  const auto read = [&](std::size_t first, std::size_t frames, float* const* channels) {
    if (first == 0 && next_read == track[0].size()) {
      next_read = 0;
      ++passes;
    }
    EXPECT_EQ(first, next_read);
    const std::size_t count = std::min(frames, track[0].size() - first);
    for (std::size_t c = 0; c < 2; ++c) std::copy_n(track[c].data() + first, count, channels[c]);
    next_read += count;
    result.max_read = std::max(result.max_read, frames);
    return count;
  };
  const auto write = [&](std::size_t first, std::size_t frames, const float* const* const* stems) {
    EXPECT_EQ(first, result.stems[0][0].size());
    for (std::size_t s = 0; s < result.stems.size(); ++s) {
      for (std::size_t c = 0; c < 2; ++c) {
        result.stems[s][c].insert(result.stems[s][c].end(), stems[s][c], stems[s][c] + frames);
      }
    }
  };
  EXPECT_EQ(separation.run(one_by_one(infer, tiny_model()), read, write, progress, cancel), track[0].size());
  EXPECT_EQ(passes, 2);
  return result;
}

void expect_share(const Track& stem, const Track& track, float gain, float mean_gain) {
  double mean = 0;
  for (std::size_t i = 0; i < track[0].size(); ++i) mean += (track[0][i] + track[1][i]) / 2;
  mean /= static_cast<double>(track[0].size());
  for (std::size_t c = 0; c < 2; ++c) {
    ASSERT_EQ(stem[c].size(), track[c].size());
    for (std::size_t i = 0; i < track[c].size(); ++i) {
      // demucs adds the mean to every stem after scaling back
      const double expected = gain * (track[c][i] - mean) + mean_gain * mean;
      ASSERT_NEAR(stem[c][i], expected, 2e-6) << "frame " << i;
    }
  }
}

}  // namespace

TEST(Separation, RebuildsTheTrackAtEveryLengthOverlapAndShift) {
  for (const std::size_t frames : {2U, 3U, 749U, 750U, 751U, 999U, 1000U, 1001U, 1500U, 1501U, 4321U}) {
    const Track track = make_track(frames);
    for (const double overlap : {0.0, 0.25, 0.5, 0.9}) {
      for (const std::vector<std::size_t>& offsets : {std::vector<std::size_t>{}, {0}, {100}, {13, 77, 100}}) {
        SeparatorOptions options;
        options.overlap = overlap;
        options.shift_offsets = offsets;
        const Result result = separate(track, options);
        expect_share(result.stems[0], track, 0.5F, 1.0F);
        expect_share(result.stems[2], track, 0.2F, 1.0F);
        if (HasFatalFailure()) FAIL() << frames << " frames, overlap " << overlap;
      }
    }
  }
}

/// Segments are blended in blocks of 8192 frames, and the sums' ring turns in the middle of some.
TEST(Separation, SegmentsOfSeveralBlocksRebuildTheTrack) {
  ModelInfo info = tiny_model();
  info.segment_frames = 20001;
  const Track track = make_track(60007);
  const auto infer = [&](const float* mix, std::size_t segments, const std::size_t*, float* stems, const CancelToken&) {
    const std::size_t size = 2 * info.segment_frames;
    for (std::size_t i = 0; i < segments * size; ++i) {
      for (std::size_t s = 0; s < 3; ++s) stems[(i / size * 3 + s) * size + i % size] = mix[i] * (s == 1 ? 0.3F : 0.0F);
    }
  };
  const auto read = [&](std::size_t first, std::size_t frames, float* const* channels) {
    const std::size_t count = std::min(frames, track[0].size() - first);
    for (std::size_t c = 0; c < 2; ++c) std::copy_n(track[c].data() + first, count, channels[c]);
    return count;
  };
  for (const std::vector<std::size_t>& offsets : {std::vector<std::size_t>{}, {13, 100}}) {
    SeparatorOptions options;
    options.stems = {"bass"};
    options.shift_offsets = offsets;
    Track bass(2);
    const auto write = [&](std::size_t first, std::size_t frames, const float* const* const* stems) {
      EXPECT_EQ(first, bass[0].size());
      for (std::size_t c = 0; c < 2; ++c) bass[c].insert(bass[c].end(), stems[0][c], stems[0][c] + frames);
    };
    Separation(info, WindowGrid(info.segment_frames), options, {2, 1}).run(infer, read, write, {}, {});
    expect_share(bass, track, 0.3F, 1.0F);
  }
}

TEST(Separation, HearsRealAudioAroundAShortLastSegment) {
  // The model answers with what it heard at the window's first frame, which for the last segment lies before it.
  const Track track = make_track(1700);
  std::vector<float> first_heard;
  const auto infer = [&](const float* mix, float* stems) {
    first_heard.push_back(mix[0]);
    shares(mix, stems);
  };
  separate(track, {}, infer);
  ASSERT_EQ(first_heard.size(), 3U);
  double mean = 0;
  double squares = 0;
  for (std::size_t i = 0; i < 1700; ++i) mean += (track[0][i] + track[1][i]) / 2 / 1700;
  for (std::size_t i = 0; i < 1700; ++i) squares += std::pow((track[0][i] + track[1][i]) / 2 - mean, 2);
  // offset 1500, 200 frames left: padded by 800, 400 of them before
  EXPECT_NEAR(first_heard[2], (track[0][1100] - mean) / std::sqrt(squares / 1699), 1e-5);
}

TEST(Separation, SilenceStaysSilentAndOneFrameStaysFinite) {
  const Result silence = separate(Track(2, std::vector<float>(1234, 0.0F)), {});
  for (const float sample : silence.stems[0][0]) ASSERT_EQ(sample, 0.0F);
  const Result one = separate({{0.5F}, {-0.25F}}, {});
  ASSERT_EQ(one.stems[0][0].size(), 1U);
  EXPECT_TRUE(std::isfinite(one.stems[0][0][0]));
}

TEST(Separation, DeliversTheStemsAskedForInTheirOrder) {
  const Track track = make_track(1300);
  SeparatorOptions options;
  options.stems = {"vocals", "drums"};
  const Result result = separate(track, options);
  ASSERT_EQ(result.stems.size(), 2U);
  expect_share(result.stems[0], track, 0.2F, 1.0F);
  expect_share(result.stems[1], track, 0.5F, 1.0F);
}

TEST(Separation, TwoStemsAddsAllOthers) {
  const Track track = make_track(1300);
  SeparatorOptions options;
  options.two_stems = "bass";
  EXPECT_EQ(Separation(tiny_model(), WindowGrid(segment), options).stems(),
            (std::vector<std::string>{"bass", "no_bass"}));
  const Result result = separate(track, options);
  expect_share(result.stems[0], track, 0.3F, 1.0F);
  expect_share(result.stems[1], track, 0.7F, 2.0F);
}

/// What the model's stems lack of the mix must come from the right frames of it.
TEST(Separation, RestOfTheMixFitsAtEveryLengthOverlapAndShift) {
  const auto quiet = [](const float* mix, float* stems) {
    shares(mix, stems);
    for (std::size_t i = 0; i < 3 * 2 * segment; ++i) stems[i] *= 0.9F;
  };
  for (const std::size_t frames : {2U, 750U, 1001U, 4321U}) {
    for (const double overlap : {0.0, 0.25, 0.6}) {
      for (const unsigned shifts : {0U, 2U}) {
        const Track track = make_track(frames);
        SeparatorOptions options;
        options.overlap = overlap;
        options.shifts = shifts;
        options.residual_to = "bass";
        const Result all = separate(track, options, quiet);
        ASSERT_EQ(all.stems.size(), 3U);
        expect_share(all.stems[0], track, 0.45F, 0.0F);
        expect_share(all.stems[1], track, 0.37F, 1.0F);
        expect_share(all.stems[2], track, 0.18F, 0.0F);

        options.residual_to.clear();
        options.two_stems = "bass";
        options.other_method = OtherMethod::minus;
        const Result two = separate(track, options, quiet);
        ASSERT_EQ(two.stems.size(), 2U);
        expect_share(two.stems[0], track, 0.27F, 1.0F);
        expect_share(two.stems[1], track, 0.73F, 0.0F);
      }
    }
  }
}

TEST(Separation, NeverReadsMoreThanASegmentAtOnce) { EXPECT_LE(separate(make_track(20000), {}).max_read, segment); }

TEST(Separation, ProgressRisesToOne) {
  std::vector<double> fractions;
  separate(make_track(4000), {}, shares, [&](const Progress& progress) { fractions.push_back(progress.fraction); });
  ASSERT_GE(fractions.size(), 3U);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_EQ(fractions.front(), 0.0);
  EXPECT_EQ(fractions.back(), 1.0);
}

TEST(Separation, StopsForCancelAndForThrowingCallbacks) {
  const Track track = make_track(4000);
  const CancelToken cancel;
  int segments = 0;
  const auto infer = [&](const float* mix, float* stems) {
    if (++segments == 2) cancel.request();
    shares(mix, stems);
  };
  EXPECT_EQ(status_of([&] { separate(track, {}, infer, {}, cancel); }), Status::cancelled);
  EXPECT_EQ(segments, 2);
  const auto stop = [](const Progress& progress) {
    if (progress.fraction > 0) throw std::runtime_error("stop");
  };
  EXPECT_THROW(separate(track, {}, shares, stop), std::runtime_error);
}

/// What a segment becomes depends on all that was heard of it, and later ones end first.
TEST(Separation, GivesTheSameBitsHoweverManySegmentsAreInFlight) {
  const Track track = make_track(9321);
  const auto infer = [](const float* mix, float* stems) {
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(3000 * std::abs(mix[17]))));
    for (std::size_t s = 0; s < 3; ++s) {
      for (std::size_t i = 0; i < 2 * segment; ++i)
        stems[s * 2 * segment + i] = 0.3F * mix[i] * mix[segment - 1 - i / 2];
    }
  };
  for (const double overlap : {0.25, 0.7}) {
    for (const std::vector<std::size_t>& offsets : {std::vector<std::size_t>{}, {13, 77, 100}}) {
      SeparatorOptions options;
      options.overlap = overlap;
      options.shift_offsets = offsets;
      options.residual_to = "bass";
      const auto alone = separate(track, options, infer).stems;
      for (const InFlight in_flight :
           {InFlight{2, 1}, {5, 1}, {8, 1}, {1, 2}, {1, 5}, {1, 8}, {3, 4}, {40, 1}, {1, 40}}) {
        EXPECT_EQ(separate(track, options, infer, {}, {}, in_flight).stems, alone)
            << in_flight.runs << " runs of " << in_flight.segments;
      }
    }
  }
}

/// A slow model that waits until as many runs as were asked for go on: it would wait for ever for one more.
TEST(Separation, KeepsSoManyRunsGoingAndReadsAheadMeanwhile) {
  constexpr std::size_t runs = 3;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t running = 0;
  std::size_t most = 0;
  const auto infer = [&](const float* mix, float* stems) {
    std::unique_lock lock(mutex);
    most = std::max(most, ++running);
    changed.notify_all();
    changed.wait(lock, [&] { return most == runs; });
    shares(mix, stems);
    --running;
  };
  separate(make_track(8000), {}, infer, {}, {}, {runs, 1});
  EXPECT_EQ(most, runs);
}

TEST(Separation, TellsHowLongTheModelComputes) {
  Separation separation(tiny_model(), WindowGrid(segment), {});
  const Track track = make_track(3000);
  const auto read = [&](std::size_t first, std::size_t frames, float* const* channels) {
    const std::size_t count = std::min(frames, track[0].size() - first);
    for (std::size_t c = 0; c < 2; ++c) std::copy_n(track[c].data() + first, count, channels[c]);
    return count;
  };
  const auto write = [](std::size_t, std::size_t, const float* const* const*) {};
  const auto slow = [](const float* mix, float* stems) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    shares(mix, stems);
  };
  separation.run(one_by_one(slow, tiny_model()), read, write, {}, {});
  EXPECT_GE(separation.model_seconds(), 4 * 0.002);
}

TEST(Separation, AFailedRunEndsTheOthersAndTheSeparation) {
  const ModelInfo info = tiny_model();
  Separation separation(info, WindowGrid(info.segment_frames), {}, {4, 1});
  std::atomic<int> started{0};
  const InferBatch infer = [&](const float*, std::size_t, const std::size_t*, float*, const CancelToken& cancel) {
    if (++started == 1) throw Error(Status::runtime_failed, "the first run fails");
    while (!cancel.requested()) std::this_thread::yield();  // the others never end by themselves
    throw Error(Status::cancelled, "stopped");
  };
  const auto read = [&](std::size_t first, std::size_t frames, float* const* channels) {
    const std::size_t count = std::min<std::size_t>(frames, 9000 - first);
    for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], count, 0.1F);
    return count;
  };
  const auto write = [](std::size_t, std::size_t, const float* const* const*) {};
  const auto run = [&] { separation.run(infer, read, write, {}, {}); };
  EXPECT_EQ(status_of(run), Status::runtime_failed);
}

TEST(Separation, RefusesBadAudioAndBrokenModels) {
  EXPECT_EQ(status_of([] { separate(Track(2), {}); }), Status::bad_audio);
  Track track = make_track(2000);
  const auto broken = [](const float* mix, float* stems) {
    shares(mix, stems);
    stems[10] = std::numeric_limits<float>::quiet_NaN();
  };
  EXPECT_EQ(status_of([&] { separate(track, {}, broken); }), Status::runtime_failed);
  track[1][1999] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(status_of([&] { separate(track, {}); }), Status::bad_audio);
}

TEST(Separation, RefusesATrackThatShrinksBetweenThePasses) {
  Separation separation(tiny_model(), WindowGrid(segment), {});
  int calls = 0;
  const auto read = [&](std::size_t, std::size_t frames, float* const* channels) -> std::size_t {
    for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], frames, 0.0F);
    return ++calls == 1 ? 500 : 100;
  };
  const auto write = [](std::size_t, std::size_t, const float* const* const*) {};
  EXPECT_EQ(status_of([&] { separation.run(one_by_one(shares, tiny_model()), read, write, {}, {}); }),
            Status::bad_audio);
}

TEST(Separation, RefusesOptionsOutOfRange) {
  const auto status = [](const std::function<void(SeparatorOptions&)>& edit) {
    SeparatorOptions options;
    edit(options);
    return status_of([&] { Separation(tiny_model(), WindowGrid(segment), options); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double overlap : {-0.1, 1.0, 2.0, nan, 0.9999}) {
    EXPECT_EQ(status([&](auto& o) { o.overlap = overlap; }), Status::invalid_argument) << overlap;
  }
  EXPECT_EQ(status([](auto& o) { o.stems = {"piano"}; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.stems = {"bass", "bass"}; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.two_stems = "piano"; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.two_stems = "bass", o.stems = {"bass"}; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.other_method = OtherMethod::minus; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.residual_to = "piano"; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.residual_to = "bass", o.stems = {"drums"}; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.residual_to = "bass", o.two_stems = "bass"; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.shifts = 4'000'000'000U; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.shift_offsets = {101}; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.shift_offsets = {1, 2}, o.shifts = 3; }), Status::invalid_argument);
}
