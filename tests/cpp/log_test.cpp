#include "demucs_ort/log.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "heard_log.hpp"
#include "separation/stem_mixing.hpp"
#include "status_of.hpp"
#include "stream/stream_engine.hpp"
#include "stream_fixture.hpp"

using namespace demucs_ort;

namespace {

std::shared_ptr<const Model> load(const std::string& name, const ModelOptions& options = {}) {
  return Model::load(std::filesystem::path(TEST_MODELS) / name, options);
}

void run(const Model& model, std::size_t batch = 1, float value = 0) {
  const std::size_t size = batch * model.info().channels * model.info().segment_frames;
  const std::vector<float> mix(size, value);
  std::vector<float> stems(size * model.info().sources.size());
  model.run(mix.data(), batch, stems.data());
}

/// Hands the stream so much audio at once, waiting for its stems or not.
void play(StreamEngine& engine, std::size_t frames, bool waits) {
  const Track mix = make_track(frames);
  std::vector<float> out(4 * frames);
  const std::array<const float*, 2> in{mix[0].data(), mix[1].data()};
  const std::array<float*, 4> rows{out.data(), out.data() + frames, out.data() + 2 * frames, out.data() + 3 * frames};
  const std::array<float* const*, 2> stems{rows.data(), rows.data() + 2};
  waits ? engine.render(in.data(), stems.data(), frames) : engine.process(in.data(), stems.data(), frames);
}

}  // namespace

TEST(Log, IsOffUntilAHostWantsIt) {
  EXPECT_EQ(log_level(), LogLevel::off);
  {
    const HeardLog heard(LogLevel::info);
    EXPECT_EQ(log_level(), LogLevel::info);
  }
  EXPECT_EQ(log_level(), LogLevel::off);
  bool built = false;
  log(LogLevel::error, [&] {
    built = true;
    return std::string("nobody listens");
  });
  EXPECT_FALSE(built);
  set_log(LogLevel::debug);  // without a callback
  EXPECT_EQ(log_level(), LogLevel::off);
}

TEST(Log, TellsOfALevelAndOfAllAboveIt) {
  const HeardLog heard(LogLevel::warning);
  for (const auto level : {LogLevel::error, LogLevel::warning, LogLevel::info, LogLevel::debug}) {
    log(level, [] { return std::string("news"); });
  }
  EXPECT_EQ(heard.count(LogLevel::error, "news"), 1U);
  EXPECT_EQ(heard.count(LogLevel::warning, "news"), 1U);
  EXPECT_EQ(heard.size(), 2U);
}

TEST(Log, RefusesLevelsThatDoNotExist) {
  for (const int level : {-1, 5}) {
    EXPECT_EQ(status_of([&] { set_log(static_cast<LogLevel>(level)); }), Status::invalid_argument);
  }
}

TEST(Log, WhatACallbackThrowsChangesNothing) {
  std::size_t calls = 0;
  set_log(LogLevel::debug, [&](LogLevel, const std::string&) {
    ++calls;
    throw std::runtime_error("the log file is full");
  });
  run(*load("gains.onnx"));
  EXPECT_GT(calls, 0U);
  set_log(LogLevel::debug, [&](LogLevel, const std::string&) { throw 7; });
  run(*load("gains.onnx"));
  set_log(LogLevel::off);
}

TEST(Log, ACallbackThatCallsTheLibraryDoesNotBlockIt) {
  std::size_t calls = 0;
  Status refused{};
  set_log(LogLevel::info, [&](LogLevel, const std::string&) {
    ++calls;
    log(LogLevel::error, [] { return std::string("of a call from inside"); });
    refused = status_of([] { set_log(LogLevel::off); });
  });
  log(LogLevel::info, [] { return std::string("news"); });
  set_log(LogLevel::off);
  EXPECT_EQ(calls, 1U);
  EXPECT_EQ(refused, Status::invalid_argument);
}

TEST(Log, CallsNeverOverlapAndNoneComesAfterTheEnd) {
  std::atomic<int> at_a_time{0};
  std::atomic<bool> overlapped{false}, ended{false}, late{false}, stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) log(LogLevel::info, [] { return std::string("news"); });
    });
  }
  for (int round = 0; round < 50; ++round) {
    std::promise<void> called;
    std::atomic<bool> first{true};
    set_log(LogLevel::info, [&](LogLevel, const std::string&) {
      if (at_a_time++ > 0) overlapped = true;
      if (ended) late = true;
      if (first.exchange(false)) called.set_value();
      --at_a_time;
    });
    called.get_future().wait();
    set_log(LogLevel::off);
    ended = true;  // were a call still running, it would see this
    std::this_thread::yield();
    ended = false;
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(overlapped);
  EXPECT_FALSE(late);
}

TEST(Log, TellsOfALoadedModel) {
  const HeardLog heard(LogLevel::info);
  ModelOptions options;
  options.threads = 2;
  options.max_concurrent_runs = 3;
  load("gains.onnx", options);
  const auto said = heard.all();
  EXPECT_EQ(heard.count(LogLevel::info, "gains.onnx' (gains, fp32) in "), 1U) << said;
  EXPECT_EQ(heard.count(LogLevel::info, " ms: provider cpu, ONNX Runtime 1."), 1U) << said;
  EXPECT_EQ(heard.count(LogLevel::info, ", 2 threads, 3 runs at a time of 1 segment"), 1U) << said;
}

TEST(Log, TellsOfEveryMemberOfABagWhenItLoads) {
  const HeardLog heard(LogLevel::info);
  const auto model = load("specialists.json");
  EXPECT_EQ(heard.size(), 0U) << heard.all();
  model->prepare({false, true});
  EXPECT_EQ(heard.count(LogLevel::info, "other.onnx'"), 1U) << heard.all();
  EXPECT_EQ(heard.count(LogLevel::info, "gains.onnx'"), 0U) << heard.all();
}

TEST(Log, TellsOfABatchThatHasNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer ends the program that asks for so much memory";
#endif
  const HeardLog heard(LogLevel::warning);
  ModelOptions options;
  options.max_batch = 8;
  run(*load("hungry.onnx", options), 8);
  EXPECT_EQ(heard.count(LogLevel::warning, "not enough memory for 8 segments"), 1U) << heard.all();
  EXPECT_EQ(heard.count(LogLevel::warning, "not enough memory for 4 segments"), 1U) << heard.all();
}

TEST(Log, TellsOfRunsThatWaited) {
  const HeardLog heard(LogLevel::debug);
  ModelOptions options;
  options.max_concurrent_runs = 1;
  const auto model = load("slow.onnx", options);
  const auto run_until_one_waits = [&] {
    while (heard.count(LogLevel::debug, "a run of gains waited ") == 0) run(*model);
  };
  std::thread other(run_until_one_waits);
  run_until_one_waits();
  other.join();
}

TEST(Log, TellsWhatOnnxRuntimeSays) {
  const HeardLog heard(LogLevel::debug);
  load("slow.onnx");
  EXPECT_GT(heard.count(LogLevel::debug, "ONNX Runtime: "), 0U) << heard.all();
  for (const auto level : {LogLevel::error, LogLevel::warning}) {
    EXPECT_EQ(heard.count(level, "ONNX Runtime: "), 0U) << heard.all();
  }
}

TEST(Log, TellsOfADeckThatFails) {
  HeardLog heard(LogLevel::error);
  const DeckPool pool(load("gains.onnx"));
  const auto read = [](std::size_t, std::size_t, float* const*) -> std::size_t {
    throw std::runtime_error("the file is gone");
  };
  const Deck deck(pool, read, 5000);
  EXPECT_TRUE(heard.wait_for(LogLevel::error, "a deck failed: the read callback failed: the file is gone"));
}

TEST(Log, TellsOfStemsThatAStreamHadTooLate) {
  HeardLog heard(LogLevel::warning);
  StreamEngine engine(tiny_model(), tiny_options(), StemMixing(tiny_model(), {}), wobbly);
  play(engine, 2000, false);  // ten seconds at once: the worker cannot have been in time
  ASSERT_GT(engine.underruns(), 0U);
  EXPECT_TRUE(heard.wait_for(LogLevel::warning, "a stream had no stems in time")) << heard.all();
}

TEST(Log, TellsOfAWindowThatFailed) {
  HeardLog heard(LogLevel::error);
  std::atomic<bool> fails{false};
  const Infer infer = [&](const float* mix, float* stems) {
    if (fails) throw Error(Status::runtime_failed, "the model computed no number");
    wobbly(mix, stems);
  };
  StreamEngine engine(tiny_model(), tiny_options(), StemMixing(tiny_model(), {}), infer);
  fails = true;
  EXPECT_EQ(status_of([&] { play(engine, 500, true); }), Status::runtime_failed);
  EXPECT_TRUE(heard.wait_for(LogLevel::error, "a window of a stream failed: the model computed no number"));
}
