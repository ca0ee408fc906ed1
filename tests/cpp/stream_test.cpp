#include "demucs_ort/stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "rate/resampler.hpp"
#include "status_of.hpp"
#include "stream/recent_runs.hpp"
#include "stream/stream_engine.hpp"
#include "stream/stream_schedule.hpp"
#include "stream/window_separation.hpp"
#include "stream_fixture.hpp"

using namespace demucs_ort;

namespace {

/// What a stream of that schedule has to give for a whole track, computed window by window; `missing` windows are
/// replaced by `replacement` of the mix.
std::vector<Track> expected(const Track& mix, const StreamOptions& options, const std::set<std::size_t>& missing = {},
                            float replacement = 0) {
  const StreamSchedule schedule(tiny_model(), options);
  const std::size_t frames = mix[0].size();
  std::vector<Track> stems(2, Track(2, std::vector<float>(frames, 0.0F)));
  const auto mix_at = [&](std::size_t c, std::ptrdiff_t i) {
    return i < 0 ? 0.0F : mix[c][static_cast<std::size_t>(i)];
  };
  WindowSeparation separation(tiny_model(), StemMixing(tiny_model(), {}), wobbly, schedule.skipped(), schedule.piece());
  std::vector<float> piece(4 * schedule.piece());
  std::vector<float> before(piece.size());
  for (std::size_t k = 0; k < schedule.complete(frames); ++k) {
    const std::size_t end = k * schedule.hop + schedule.first_end();
    const std::size_t length = std::min(end, schedule.segment);
    float* const* rows = separation.mix(schedule.segment - length);
    for (std::size_t c = 0; c < 2; ++c) std::copy_n(mix[c].data() + end - length, length, rows[c]);
    separation.run(piece.data());
    if (missing.contains(k)) {
      for (std::size_t row = 0; row < 4; ++row) {
        for (std::size_t i = 0; i < schedule.piece(); ++i) {
          const std::size_t frame = k * schedule.hop + i;
          piece[row * schedule.piece() + i] = replacement * mix_at(row % 2, static_cast<std::ptrdiff_t>(frame));
        }
      }
    }
    for (std::size_t row = 0; row < 4; ++row) {
      for (std::size_t i = 0; i < schedule.hop; ++i) {
        const std::size_t frame = k * schedule.hop + i + schedule.latency();
        if (frame >= frames) break;
        float sample = piece[row * schedule.piece() + i];
        const bool both_missing = missing.contains(k) && missing.contains(k - 1);
        if (k > 0 && i < schedule.crossfade && !both_missing) {
          const float weight = static_cast<float>(i + 1) / static_cast<float>(schedule.crossfade + 1);
          const float leaving = before[row * schedule.piece() + schedule.hop + i];
          sample = leaving + weight * (sample - leaving);
        }
        stems[row / 2][row % 2][frame] = sample;
      }
    }
    before = piece;
  }
  return stems;
}

using Feed = std::function<void(const float* const* in, float* const* const* out, std::size_t frames)>;

/// Puts a whole track through `feed` in blocks.
std::vector<Track> run(const Track& mix, std::size_t block, const Feed& feed) {
  const std::size_t frames = mix[0].size();
  std::vector<Track> stems(2, Track(2, std::vector<float>(frames, 9.0F)));
  for (std::size_t at = 0; at < frames; at += block) {
    const float* in[] = {mix[0].data() + at, mix[1].data() + at};
    float* const first[] = {stems[0][0].data() + at, stems[0][1].data() + at};
    float* const second[] = {stems[1][0].data() + at, stems[1][1].data() + at};
    float* const* out[] = {first, second};
    feed(in, out, std::min(block, frames - at));
  }
  return stems;
}

void expect_same(const std::vector<Track>& stems, const std::vector<Track>& reference) {
  for (std::size_t s = 0; s < 2; ++s) {
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < stems[s][c].size(); ++i) {
        ASSERT_EQ(stems[s][c][i], reference[s][c][i]) << "stem " << s << ", channel " << c << ", frame " << i;
      }
    }
  }
}

Feed rendering(StreamEngine& engine) {
  return [&](auto in, auto out, std::size_t frames) { engine.render(in, out, frames); };
}

/// Waits, for a minute at most, until nothing more comes of so many windows.
void await(const StreamEngine& engine, std::uint64_t windows) {
  for (int i = 0; i < 60'000 && engine.tried() < windows; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_GE(engine.tried(), windows);
}

StemMixing all_stems() { return StemMixing(tiny_model(), {}); }

/// A model that is held up from outside: its n-th run waits until n runs are let go.
class Gate {
 public:
  Infer infer() {
    return [this](const float* mix, float* stems) {
      std::unique_lock lock(mutex_);
      const int run = begun_++;
      changed_.notify_all();
      changed_.wait(lock, [&] { return run < open_; });
      lock.unlock();
      wobbly(mix, stems);
    };
  }
  void let(int runs) {
    const std::lock_guard lock(mutex_);
    open_ = runs;
    changed_.notify_all();
  }
  void await_begun(int runs) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return begun_ >= runs; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0, open_ = 1;  // the first run, before the stream begins, is open
};

/// Zero frames, then windows as long as the test says.
StreamOptions hops_of_100() { return {0.5, 0.1, 0.05, 0.5, Underrun::silence, {}, {}, OtherMethod::add, {}, {}}; }

}  // namespace

TEST(Stream, EqualsTheSameScheduleComputedOffline) {
  const Track mix = make_track(9000);
  for (const StreamOptions& options : {tiny_options(), hops_of_100()}) {
    const StreamSchedule schedule(tiny_model(), options);
    const auto reference = expected(mix, options);
    for (const std::size_t block : {1U, 17U, 64U, 441U, 512U, 4096U, 9000U}) {
      StreamEngine engine(tiny_model(), options, all_stems(), wobbly);
      const auto stems = run(mix, block, rendering(engine));
      for (std::size_t i = 0; i < schedule.latency(); ++i) ASSERT_EQ(stems[0][0][i], 0.0F);
      EXPECT_NE(stems[0][0][schedule.latency() + 1], 0.0F);
      expect_same(stems, reference);
      EXPECT_EQ(engine.underruns(), 0U);
      if (HasFatalFailure()) FAIL() << "blocks of " << block;
    }
  }
}

TEST(Stream, JustFitsTheModelsSegment) {
  StreamOptions options = tiny_options();
  options.hop = 4.0;
  options.crossfade = 0.5;
  options.lookahead = 0.5;  // 800 + 100 + 100 frames of 1000
  const Track mix = make_track(5000);
  StreamEngine engine(tiny_model(), options, all_stems(), wobbly);
  expect_same(run(mix, 333, rendering(engine)), expected(mix, options));
}

TEST(Stream, AHardJoinNeedsNoCrossfade) {
  StreamOptions options = tiny_options();
  options.crossfade = 0;
  const Track mix = make_track(4000);
  StreamEngine engine(tiny_model(), options, all_stems(), wobbly);
  expect_same(run(mix, 100, rendering(engine)), expected(mix, options));
}

/// Blocks as a host sends them: the stream may never be late, however the blocks fall.
TEST(Stream, ProcessEqualsTheSameScheduleToo) {
  const Track mix = make_track(1500);
  StreamOptions options = tiny_options();
  options.compute_time = 0.5;  // longer than every block
  const StreamSchedule schedule(tiny_model(), options);
  for (const std::size_t block : {1U, 17U, 64U}) {
    StreamEngine engine(tiny_model(), options, all_stems(), wobbly);
    std::uint64_t fed = 0;
    const auto stems = run(mix, block, [&](auto in, auto out, std::size_t frames) {
      engine.process(in, out, frames);
      fed += frames;
      await(engine, schedule.complete(fed));
    });
    expect_same(stems, expected(mix, options));
    EXPECT_EQ(engine.underruns(), 0U);
  }
}

TEST(Stream, ReplacesWhatIsLateAndKeepsItsLatency) {
  const Track mix = make_track(3000);
  for (const Underrun underrun : {Underrun::silence, Underrun::mix}) {
    StreamOptions options = hops_of_100();
    options.underrun = underrun;
    const StreamSchedule schedule(tiny_model(), options);
    Gate gate;
    StreamEngine engine(tiny_model(), options, all_stems(), gate.infer());
    std::size_t fed = 0;
    std::uint64_t windows = 0;
    int runs = 1;
    const auto stems = run(mix, 10, [&](auto in, auto out, std::size_t frames) {
      engine.process(in, out, frames);
      fed += frames;
      const bool news = schedule.complete(fed) != windows;
      windows = schedule.complete(fed);
      // The model begins window 3, complete at 430 frames, and is held up until 4 is too late as well.
      if (fed == 430) gate.await_begun(++runs);
      if (fed >= 430 && fed < 640) return;
      if (!news && fed != 640) return;
      gate.let(++runs);
      await(engine, windows);
    });
    EXPECT_EQ(engine.underruns(), 2U);
    const float replacement = underrun == Underrun::mix ? 0.5F : 0.0F;
    expect_same(stems, expected(mix, options, {3, 4}, replacement));
  }
}

TEST(Stream, ResetBeginsAnew) {
  const Track mix = make_track(4000);
  const StreamOptions options = tiny_options();
  StreamEngine engine(tiny_model(), options, all_stems(), wobbly);
  const auto reference = expected(mix, options);
  engine.reset();
  for (const std::size_t frames : {10U, 700U, 1U, 2500U}) {
    Track other = make_track(frames);
    for (auto& channel : other) std::reverse(channel.begin(), channel.end());
    run(other, 50, rendering(engine));
    engine.reset();
    engine.reset();
    expect_same(run(mix, 300, rendering(engine)), reference);
    engine.reset();
    if (HasFatalFailure()) FAIL() << "after " << frames << " other frames";
  }
}

TEST(Stream, AWindowOfBeforeAResetIsNeverHeard) {
  const StreamOptions options = hops_of_100();
  const StreamSchedule schedule(tiny_model(), options);
  Gate gate;
  StreamEngine engine(tiny_model(), options, all_stems(), gate.infer());
  const auto process = [&](auto in, auto out, std::size_t frames) { engine.process(in, out, frames); };
  run(make_track(schedule.first_end()), 10, process);
  gate.await_begun(2);
  engine.reset();
  run(make_track(50), 10, process);
  gate.let(2);
  await(engine, 1);  // of the old stream; no window of the new one is ever done
  for (const auto& stem : run(make_track(1000), 10, process)) {
    for (const float sample : stem[0]) ASSERT_EQ(sample, 0.0F);
  }
  EXPECT_GT(engine.underruns(), 0U);
  gate.let(1000);
}

TEST(Stream, CatchesUpAtOnceAfterAStall) {
  const StreamOptions options = hops_of_100();
  const StreamSchedule schedule(tiny_model(), options);
  Gate gate;
  StreamEngine engine(tiny_model(), options, all_stems(), gate.infer());
  const auto process = [&](auto in, auto out, std::size_t frames) { engine.process(in, out, frames); };
  run(make_track(schedule.first_end()), 10, process);
  gate.await_begun(2);
  run(make_track(2000), 10, process);  // twenty hops go by
  const auto late = engine.underruns();
  EXPECT_EQ(late, (2000 - schedule.compute_time + schedule.hop - 1) / schedule.hop);
  gate.let(1000);
  std::uint64_t fed = schedule.first_end() + 2000;
  await(engine, schedule.complete(fed));  // the one that was held up, and the newest
  run(make_track(schedule.hop), 10, process);
  EXPECT_LE(engine.underruns(), late + 1);
  const auto caught_up = engine.underruns();
  for (int hop = 0; hop < 10; ++hop) {
    fed += schedule.hop;
    await(engine, schedule.complete(fed));
    run(make_track(schedule.hop), 10, process);
  }
  EXPECT_EQ(engine.underruns(), caught_up);
}

TEST(Stream, TellsWhyTheModelFailedAndGoesOn) {
  std::atomic<int> run_number{0};
  const Infer sometimes_broken = [&](const float* in, float* out) {
    wobbly(in, out);
    const int number = ++run_number;
    if (number == 4) out[950] = std::numeric_limits<float>::quiet_NaN();
    if (number == 6) throw Error(Status::runtime_failed, "the device was removed");
  };
  const Track mix = make_track(4000);
  const StreamOptions options = tiny_options();
  StreamEngine engine(tiny_model(), options, all_stems(), sometimes_broken);
  int failures = 0;
  const auto stems = run(mix, 50, [&](auto in, auto out, std::size_t frames) {
    try {
      engine.render(in, out, frames);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::runtime_failed);
      EXPECT_NE(std::string(error.what()).find(failures == 0 ? "not finite" : "removed"), std::string::npos);
      ++failures;
    }
  });
  EXPECT_EQ(failures, 2);
  EXPECT_EQ(engine.underruns(), 2U);
  EXPECT_EQ(engine.failure(), "the device was removed");
  expect_same(stems, expected(mix, options, {2, 4}));
}

TEST(Stream, AModelThatFailsAtOnceIsRefused) {
  const Infer broken = [](const float*, float*) { throw Error(Status::runtime_failed, "broken"); };
  EXPECT_EQ(status_of([&] { StreamEngine(tiny_model(), tiny_options(), all_stems(), broken); }),
            Status::runtime_failed);
}

TEST(Stream, SamplesThatAreNotFiniteCountAsZero) {
  Track mix = make_track(3000);
  mix[0][1500] = mix[1][17] = 0.0F;
  Track broken = mix;
  broken[0][1500] = std::numeric_limits<float>::quiet_NaN();
  broken[1][17] = -std::numeric_limits<float>::infinity();
  StreamEngine engine(tiny_model(), tiny_options(), all_stems(), wobbly);
  expect_same(run(broken, 64, rendering(engine)), expected(mix, tiny_options()));
}

TEST(Stream, SilenceIsNotPutToTheModel) {
  std::atomic<int> runs{0};
  StreamEngine engine(tiny_model(), tiny_options(), all_stems(), [&](const float* in, float* out) {
    wobbly(in, out);
    ++runs;
  });
  const auto stems = run(Track(2, std::vector<float>(3000, 0.0F)), 64, rendering(engine));
  EXPECT_EQ(runs, 1);  // before the stream began
  for (const float sample : stems[1][1]) ASSERT_EQ(sample, 0.0F);
}

TEST(Stream, InAndOutMayBeTheSameBuffers) {
  const Track mix = make_track(10000);
  Track in_place = mix;
  Track second(2, std::vector<float>(10000));
  StreamEngine engine(tiny_model(), tiny_options(), all_stems(), wobbly);
  const float* in[] = {in_place[0].data(), in_place[1].data()};
  float* const first_rows[] = {in_place[0].data(), in_place[1].data()};
  float* const second_rows[] = {second[0].data(), second[1].data()};
  float* const* out[] = {first_rows, second_rows};
  engine.render(in, out, 10000);
  expect_same({in_place, second}, expected(mix, tiny_options()));
}

TEST(Stream, LatencyIsTheSumOfItsParts) {
  const StreamOptions options{0.5, 0.25, 0.1, 0.3, Underrun::silence, {}, {}, OtherMethod::add, {}, {}};
  EXPECT_EQ(StreamSchedule(tiny_model(), options).latency(), 100U + 50U + 20U + 60U);
}

TEST(Stream, LatencyIsKnownBeforeThereIsAModel) {
  const auto model = Model::load(std::filesystem::path(TEST_MODELS) / "short_1s.onnx");
  StreamOptions options;
  options.lookahead = 0.1234;
  options.crossfade = 0.0333;
  options.hop = 0.2511;
  options.compute_time = 0.4567;
  EXPECT_EQ(Stream::latency_of(options), Stream(model, options).latency_frames());
  EXPECT_EQ(Stream::latency_of(options, 32'000), StreamTimes(options, 32'000, 0).latency());
  for (const int rate : {8000, 22'050, 44'100, 48'000, 96'000, 192'000}) {
    options.sample_rate = rate;
    if (rate == 44'100 || can_resample()) {
      EXPECT_EQ(Stream::latency_of(options), Stream(model, options).latency_frames()) << rate << " Hz";
    } else {
      EXPECT_EQ(status_of([&] { Stream::latency_of(options); }), Status::invalid_argument);
    }
  }
}

TEST(Stream, LatencyOfOptionsOutOfRangeIsRefused) {
  const auto status = [](const std::function<void(StreamOptions&)>& edit) {
    StreamOptions options;
    edit(options);
    return status_of([&] { Stream::latency_of(options); });
  };
  EXPECT_EQ(status([](auto& o) { o.hop = 0; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.lookahead = 61; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.crossfade = 0.6; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.compute_time = -1; }), Status::invalid_argument);
  for (const int rate : {-44'100, 0, 7999, 768'001}) {
    EXPECT_EQ(status_of([&] { Stream::latency_of({}, rate); }), Status::invalid_argument);
  }
}

TEST(Stream, RecentRunsAreTheLastEight) {
  RecentRuns runs;
  EXPECT_EQ(runs.mean(), 0);
  runs.add(100);
  runs.add(50);
  EXPECT_EQ(runs.mean(), 75);
  EXPECT_EQ(runs.shortest(), 0);
  for (int run = 0; run < 6; ++run) runs.add(10);
  EXPECT_EQ(runs.mean(), 26.25);
  EXPECT_EQ(runs.shortest(), 10);
  runs.add(10);  // instead of the 100
  EXPECT_EQ(runs.mean(), 15);
}

TEST(Stream, LoadIsTheTimeOfRecentRunsByTheHop) {
  const Infer slow = [](const float* in, float* out) {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    wobbly(in, out);
  };
  StreamOptions options = hops_of_100();
  options.hop = options.compute_time = options.crossfade;  // 50 ms: less than a run
  const StreamSchedule schedule(tiny_model(), options);
  StreamEngine engine(tiny_model(), options, all_stems(), slow);
  EXPECT_EQ(engine.load(), 0);  // the first run, before the stream begins, does not count
  run(make_track(schedule.latency()), 10, rendering(engine));
  await(engine, schedule.complete(schedule.latency()));
  const double busy = engine.load();
  EXPECT_GE(busy, 1.2);
  engine.reset();
  EXPECT_EQ(engine.load(), busy);
  run(Track(2, std::vector<float>(schedule.latency() + 100, 0.0F)), 10, rendering(engine));
  EXPECT_GT(engine.load(), 0);
  EXPECT_LT(engine.load(), busy);  // silence is not put to the model
}

TEST(Stream, RefusesOptionsOutOfRange) {
  const auto status = [](const std::function<void(StreamOptions&)>& edit) {
    StreamOptions options = tiny_options();
    edit(options);
    return status_of([&] { StreamSchedule(tiny_model(), options); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {-0.1, nan, 61.0, 1e300}) {
    EXPECT_EQ(status([&](auto& o) { o.hop = bad; }), Status::invalid_argument);
    EXPECT_EQ(status([&](auto& o) { o.lookahead = bad; }), Status::invalid_argument);
    EXPECT_EQ(status([&](auto& o) { o.crossfade = bad; }), Status::invalid_argument);
    EXPECT_EQ(status([&](auto& o) { o.compute_time = bad; }), Status::invalid_argument);
  }
  EXPECT_EQ(status([](auto& o) { o.hop = 0; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.compute_time = 0; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.crossfade = o.hop + 0.1; }), Status::invalid_argument);
  EXPECT_EQ(status([](auto& o) { o.hop = 4.9, o.lookahead = 0.1; }), Status::invalid_argument);
}

namespace {

std::shared_ptr<const Model> gains() { return Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx"); }

/// For a model of 1000 frames at 44.1 kHz.
StreamOptions short_options() {
  StreamOptions options;
  options.hop = 0.008;
  options.lookahead = 0.004;
  options.crossfade = 0.002;
  options.compute_time = 0.02;
  return options;
}

}  // namespace

TEST(Stream, SeparatesWithAModel) {
  Stream stream(gains(), short_options());
  EXPECT_EQ(stream.stems(), (std::vector<std::string>{"drums", "bass"}));
  EXPECT_EQ(stream.latency_frames(), 353U + 176U + 88U + 882U);
  const Track mix = make_track(6000);
  const auto stems = run(mix, 100, [&](auto in, auto out, std::size_t frames) { stream.render(in, out, frames); });
  for (std::size_t i = stream.latency_frames(); i < 6000; ++i) {
    const float heard = mix[0][i - stream.latency_frames()];  // with an offset, which no stem takes twice
    ASSERT_NEAR(stems[0][0][i], 0.75F * heard, 1e-6);
    ASSERT_NEAR(stems[1][0][i], 0.25F * heard, 1e-6);
  }
  EXPECT_EQ(stream.underruns(), 0U);
  EXPECT_EQ(stream.failure(), "");
}

TEST(Stream, DeliversTheStemsAskedFor) {
  StreamOptions options = short_options();
  options.residual_to = "bass";
  Stream stream(gains(), options);
  const Track mix = make_track(4000);
  const auto stems = run(mix, 100, [&](auto in, auto out, std::size_t frames) { stream.render(in, out, frames); });
  for (std::size_t i = stream.latency_frames(); i < 4000; ++i) {
    ASSERT_NEAR(stems[0][0][i] + stems[1][0][i], mix[0][i - stream.latency_frames()], 1e-6);
  }
  options.stems = {"piano"};
  EXPECT_EQ(status_of([&] { Stream(gains(), options); }), Status::invalid_argument);
  EXPECT_EQ(status_of([&] { Stream(nullptr, {}); }), Status::invalid_argument);
}

TEST(Stream, RecommendsAHopThatTheMachineSustains) {
  StreamOptions wanted = short_options();
  wanted.lookahead = 0.006;
  const StreamOptions options = Stream::recommend(gains(), wanted);
  EXPECT_EQ(options.lookahead, 0.006);
  EXPECT_GE(options.hop, options.crossfade);
  EXPECT_LT(options.hop, 0.0147);
  EXPECT_GE(options.compute_time, 0.03);
  const Stream stream(gains(), options);  // it is accepted
  // A window of 23 ms gives too little if the model, of 3000 sines a sample, may only take a thousandth of the time.
  const auto slow = Model::load(std::filesystem::path(TEST_MODELS) / "slow.onnx");
  EXPECT_EQ(status_of([&] { Stream::recommend(slow, wanted, 0.001); }), Status::runtime_failed);
  EXPECT_EQ(status_of([&] { Stream::recommend(gains(), wanted, 0); }), Status::invalid_argument);
  wanted.lookahead = 0.03;  // longer than the window
  EXPECT_EQ(status_of([&] { Stream::recommend(gains(), wanted); }), Status::invalid_argument);
}

TEST(Stream, EndsInTheMiddleOfARun) {
  const auto slow = Model::load(std::filesystem::path(TEST_MODELS) / "slow.onnx");
  Stream stream(slow, short_options());
  Stream moved = std::move(stream);
  run(make_track(2000), 100, [&](auto in, auto out, std::size_t frames) { moved.process(in, out, frames); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
}
