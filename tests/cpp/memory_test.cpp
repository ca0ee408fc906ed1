// What Model::memory_estimate says, against what the system counts: the peak of a process that does nothing else.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "demucs_ort/model.hpp"

using namespace demucs_ort;

namespace {

/// A number of /proc/self/status, in bytes.
double status(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stod(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

void run_at_once(const Model& model, unsigned runs) {
  const ModelInfo& info = model.info();
  const std::size_t batch = model.max_batch() * info.channels * info.segment_frames;
  std::vector<std::vector<float>> mixes(runs, std::vector<float>(batch, 0.1F));
  std::vector<std::vector<float>> stems(runs, std::vector<float>(batch * info.sources.size()));
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < runs; ++i) {
    threads.emplace_back([&, i] {
      // Some, so that the peaks of several meet.
      for (int run = 0; run < 3; ++run) model.run(mixes[i].data(), model.max_batch(), stems[i].data());
    });
  }
  for (auto& thread : threads) thread.join();
}

/// The peak of a model that is loaded and runs, besides ONNX Runtime and the caller's buffers, as a multiple of the
/// estimate.
double peak_by_estimate(const std::filesystem::path& file, unsigned runs, unsigned batch) {
  ModelOptions options;
  options.threads = 2;
  options.max_concurrent_runs = runs;
  options.max_batch = batch;
  run_at_once(*Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx"), 1);
  const double before = status("VmRSS:");
  const auto model = Model::load(file, options);
  run_at_once(*model, runs);
  const MemoryEstimate memory = model->memory_estimate();
  const ModelInfo& info = model->info();
  const auto buffers = static_cast<double>(runs * batch * info.channels * info.segment_frames * sizeof(float)) *
                       static_cast<double>(1 + info.sources.size());
  const double peak = status("VmHWM:") - before - buffers;
  const auto total = static_cast<double>(memory.total);
  std::printf("%u runs of %u: %.0f MB at the peak, %.0f estimated\n", runs, batch, peak / 1e6, total / 1e6);
  return peak / total;
}

/// The demo model; another one by the environment variable, to measure it.
std::filesystem::path file() {
  const char* named = std::getenv("DEMUCS_ORT_TEST_MODEL");
  return named != nullptr ? named : DEMO_MODEL;
}

}  // namespace

// Each in a process of its own (gtest_discover_tests), because a peak stays.
TEST(MemoryEstimate, IsWithinAQuarterOfThePeak) { EXPECT_NEAR(peak_by_estimate(file(), 1, 1), 1, 0.25); }
TEST(MemoryEstimate, IsWithinAQuarterOfThePeakOfTwoRuns) { EXPECT_NEAR(peak_by_estimate(file(), 2, 1), 1, 0.25); }
TEST(MemoryEstimate, IsWithinAQuarterOfThePeakOfABatch) { EXPECT_NEAR(peak_by_estimate(file(), 1, 3), 1, 0.25); }
