// Threads that the system refuses: the n-th of a call, for n = 1, 2, ... until the call succeeds. Every refusal has to
// come out as an Error, and what it hit has to work the next time. Its pthread_create is that of refuse_threads.c.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/joining_thread.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"

extern "C" long threads_left;  // C's atomic_long; nobody else counts while it is set

using namespace demucs_ort;

namespace {

constexpr long plenty = 1L << 30;

/// How many threads `work` needs: with each of them refused, it has thrown as it should.
long refuse_every_thread(const std::function<void()>& work) {
  for (long n = 0;; ++n) {
    threads_left = n;
    try {
      work();
      threads_left = plenty;
      return n;
    } catch (const Error& error) {
      threads_left = plenty;
      EXPECT_EQ(error.status(), Status::runtime_failed);
      EXPECT_NE(std::string(error.what()).find("threads"), std::string::npos) << error.what();
      if (testing::Test::HasFailure()) return n;
    }
  }
}

std::shared_ptr<const Model> gains(unsigned threads = 1, bool low_priority = false) {
  ModelOptions options;
  options.threads = threads;
  options.max_concurrent_runs = 3;
  options.low_priority = low_priority;
  return Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx", options);
}

std::size_t quiet(std::size_t, std::size_t frames, float* const* channels) {
  for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], frames, 0.25F);
  return frames;
}

}  // namespace

TEST(ThreadFailure, OfAnyThread) {
  EXPECT_EQ(refuse_every_thread([] { JoiningThread([] {}); }), 1);
}

TEST(ThreadFailure, OfAStream) {
  const auto model = gains();
  StreamOptions options;
  options.hop = 0.008;
  options.lookahead = 0.004;
  options.crossfade = 0.002;
  EXPECT_EQ(refuse_every_thread([&] { Stream(model, options); }), 1);
}

TEST(ThreadFailure, OfASeparation) {
  Separator separator(gains());
  const auto write = [](std::size_t, std::size_t, const float* const* const*) {};
  const auto read = [](std::size_t first, std::size_t frames, float* const* channels) {
    const std::size_t count = std::min<std::size_t>(frames, 5000 - first);
    return quiet(first, count, channels);
  };
  EXPECT_EQ(refuse_every_thread([&] { separator.separate(read, write); }), 3);
}

TEST(ThreadFailure, OfADeckPool) {
  const auto model = gains();
  DeckPoolOptions options;
  options.workers = 3;
  EXPECT_EQ(refuse_every_thread([&] { DeckPool(model, options); }), 4);
}

TEST(ThreadFailure, OfADecksDisk) {
  const DeckPool pool(gains());
  DeckOptions options;
  options.spill_folder = testing::TempDir();
  EXPECT_EQ(refuse_every_thread([&] { Deck(pool, quiet, 5000, options); }), 1);
  const Deck deck(pool, quiet, 5000);
  while (deck.state().stage < DeckStage::done) std::this_thread::sleep_for(std::chrono::microseconds(100));
  EXPECT_EQ(deck.state().stage, DeckStage::done);
}

// With more threads than one of its own, ONNX Runtime 1.32 waits for ever (docs/robustness.md).
TEST(ThreadFailure, OfOnnxRuntime) {
  EXPECT_EQ(refuse_every_thread([] { gains(2); }), 1);
  EXPECT_EQ(refuse_every_thread([] { gains(2, true); }), 1);
}
