#include "model/compute_shares.hpp"

#include <gtest/gtest.h>

#include <cstddef>

#include "demucs_ort/model.hpp"

using namespace demucs_ort;

namespace {

ModelOptions asking(unsigned threads, unsigned runs = 0) {
  ModelOptions options;
  options.threads = threads;
  options.max_concurrent_runs = runs;
  return options;
}

ModelInfo htdemucs() {
  ModelInfo info;
  info.channels = 2;
  info.segment_frames = 343980;
  info.sources = {"drums", "bass", "other", "vocals"};
  return info;
}

}  // namespace

TEST(ComputeShares, ARunForEveryFourThreads) {
  const auto runs = [](unsigned threads) { return choose_shares(asking(threads), "cpu").runs; };
  EXPECT_EQ(runs(1), 1U);
  EXPECT_EQ(runs(2), 1U);
  EXPECT_EQ(runs(7), 1U);
  EXPECT_EQ(runs(8), 2U);
  EXPECT_EQ(runs(16), 4U);
  EXPECT_EQ(runs(1024), 16U);
  EXPECT_EQ(choose_shares(asking(0), "cpu").threads, Model::default_threads());
}

TEST(ComputeShares, OtherProvidersUseAllTheyHaveForEachRun) {
  EXPECT_EQ(choose_shares(asking(16), "cuda").runs, 2U);
  EXPECT_EQ(choose_shares(asking(16), "openvino").runs, 1U);
  EXPECT_EQ(choose_shares(asking(16, 1), "cuda").runs, 1U);
}

TEST(ComputeShares, ThreadsAreTheSameForAnyNumberOfRuns) {
  for (const unsigned runs : {0U, 1U, 5U, 64U}) EXPECT_EQ(choose_shares(asking(16, runs), "cpu").threads, 16U);
}

TEST(ComputeShares, MemoryLimitsWhatIsChosen) {
  ModelOptions options = asking(64);
  const auto affordable = [&](std::size_t memory_mb) {
    options.memory_mb = memory_mb;
    return affordable_runs(options, htdemucs(), 16);
  };
  EXPECT_EQ(affordable(1), 1U);
  EXPECT_EQ(affordable(640), 3U);
  EXPECT_EQ(affordable(3500), 16U);
  options.max_concurrent_runs = 16;
  EXPECT_EQ(affordable(1), 16U);  // what the caller asks for stays
}
