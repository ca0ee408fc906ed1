// Streams on an audio thread that aborts on memory, locks and system calls.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "audio_thread_guard.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"
#include "rate/resampler.hpp"
#include "separation/infer.hpp"
#include "stream/stream_engine.hpp"
#include "stream_fixture.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t block = 64;

/// Blocks to play: a few seconds for every day; DEMUCS_ORT_REALTIME_TEST_SECONDS asks for minutes.
int blocks_to_play() {
  const char* seconds = std::getenv("DEMUCS_ORT_REALTIME_TEST_SECONDS");
  return static_cast<int>(44100 / block * (seconds == nullptr ? 3.0 : std::stod(seconds)));
}

ModelInfo fast_tiny_model() {
  ModelInfo info = tiny_model();
  info.sample_rate = 44100;
  return info;
}

StreamOptions short_options(Underrun underrun) {
  StreamOptions options;
  options.hop = 0.008;
  options.lookahead = 0.004;
  options.crossfade = 0.002;
  options.compute_time = 0.012;
  options.underrun = underrun;
  return options;
}

/// A model that is now faster and now slower than a hop, and sometimes much slower.
Infer moody(unsigned seed) {
  return [random = std::minstd_rand(seed)](const float* mix, float* stems) mutable {
    const auto mood = static_cast<unsigned>(random() % 100);
    std::this_thread::sleep_for(std::chrono::microseconds(mood < 5 ? 100000 : mood * 150));
    wobbly(mix, stems);
  };
}

/// Block after block at the pace of a sound card, with what a deck does in between.
template <typename AnyStream>
void play(std::vector<AnyStream*> streams, bool& all_finite) {
  const Track mix = make_track(block);
  std::vector<float> samples(4 * block);
  const float* in[] = {mix[0].data(), mix[1].data()};
  float* const first[] = {samples.data(), samples.data() + block};
  float* const second[] = {samples.data() + 2 * block, samples.data() + 3 * block};
  float* const* out[] = {first, second};
  std::minstd_rand random(7);
  auto next = std::chrono::steady_clock::now();
  for (int number = 0; number < blocks_to_play(); ++number) {
    {
      const AudioThreadGuard guard;
      for (AnyStream* stream : streams) {
        if (random() % 200 == 0) stream->reset();
        // Hosts change their mind on the size of a block.
        const std::size_t frames = random() % 10 == 0 ? random() % block : block;
        stream->process(in, out, frames);
        all_finite = all_finite && std::isfinite(stream->load());
        for (const float sample : samples) all_finite = all_finite && std::isfinite(sample);
      }
    }
    next += std::chrono::microseconds(1451);  // 64 frames
    std::this_thread::sleep_until(next);
  }
}

}  // namespace

TEST(StreamRealtime, AudioThreadOnlyComputes) {
  std::vector<std::unique_ptr<StreamEngine>> engines;
  std::vector<StreamEngine*> streams;
  for (unsigned deck = 0; deck < 4; ++deck) {
    engines.push_back(std::make_unique<StreamEngine>(fast_tiny_model(),
                                                     short_options(deck % 2 == 0 ? Underrun::mix : Underrun::silence),
                                                     StemMixing(fast_tiny_model(), {}), moody(deck + 1)));
    streams.push_back(engines.back().get());
  }
  bool all_finite = true;
  std::thread([&] { play(streams, all_finite); }).join();
  EXPECT_TRUE(all_finite);
  for (const auto& engine : engines) {
    EXPECT_GT(engine->underruns(), 0U) << "the model was never late";
    EXPECT_GT(engine->load(), 0);
  }
}

TEST(StreamRealtime, AudioThreadOnlyComputesAtARateOfItsOwn) {
  if (!can_resample()) GTEST_SKIP() << "built without soxr";
  ModelOptions options;
  options.threads = 1;
  const auto model = Model::load(std::filesystem::path(TEST_MODELS) / "short_1s.onnx", options);
  StreamOptions times = short_options(Underrun::mix);
  times.sample_rate = 48'000;
  Stream stream(model, times);
  bool all_finite = true;
  std::thread([&] { play(std::vector<Stream*>{&stream}, all_finite); }).join();
  EXPECT_TRUE(all_finite);
  EXPECT_EQ(stream.failure(), "");
}

TEST(StreamRealtime, AudioThreadOnlyComputesWithAModel) {
  const auto model = Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx");
  Stream stream(model, short_options(Underrun::mix));
  bool all_finite = true;
  std::thread([&] { play(std::vector<Stream*>{&stream}, all_finite); }).join();
  EXPECT_TRUE(all_finite);
  EXPECT_EQ(stream.failure(), "");
}
