// No threads before they are needed, all joined at the end: the threads of this process, counted by the system.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "demucs_ort/c_api.h"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"

using namespace demucs_ort;

namespace {

/// From 1.29 on ONNX Runtime's official builds keep a thread that reports to their maker, unless this is said.
const bool no_reports = setenv("ORT_DISABLE_TELEMETRY", "1", 1) == 0;

long threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

/// Threads more than there were; one that was joined is listed for a moment longer.
class Count {
 public:
  long more() const { return threads() - before_; }
  bool becomes(long wanted) const {
    for (int look = 0; look < 3000 && more() != wanted; ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return more() == wanted;
  }

 private:
  long before_ = threads();
};

std::shared_ptr<const Model> load(unsigned threads, unsigned runs = 1, bool low_priority = false,
                                  const char* name = "gains.onnx") {
  ModelOptions options;
  options.threads = threads;
  options.max_concurrent_runs = runs;
  options.low_priority = low_priority;
  return Model::load(std::filesystem::path(TEST_MODELS) / name, options);
}

std::size_t quiet(std::size_t, std::size_t frames, float* const* channels) {
  for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], frames, 0.25F);
  return frames;
}

void run(const Model& model) {
  const std::vector<float> mix(2000);
  std::vector<float> stems(4000);
  model.run(mix.data(), 1, stems.data());
}

}  // namespace

TEST(ThreadCount, TheLibraryStartsNone) {
  EXPECT_TRUE(no_reports);
  EXPECT_EQ(threads(), 1);
  EXPECT_GE(Model::default_threads(), 1U);
  EXPECT_EQ(demucs_ort_check_abi(DEMUCS_ORT_ABI_VERSION), DEMUCS_ORT_OK);
  Model::available_providers();  // loads ONNX Runtime
  EXPECT_EQ(threads(), 1);
}

TEST(ThreadCount, AModelHasOneLessThanItsThreads) {
  const Count count;
  for (const bool low_priority : {false, true}) {
    for (const unsigned threads : {1U, 2U, 4U}) {
      auto model = load(threads, 3, low_priority);
      EXPECT_EQ(count.more(), static_cast<long>(threads) - 1) << threads;
      run(*model);
      EXPECT_EQ(count.more(), static_cast<long>(threads) - 1) << threads;
      model.reset();
      EXPECT_TRUE(count.becomes(0)) << threads << ", " << count.more();
    }
  }
}

TEST(ThreadCount, ABagHasThemOnceAMemberIsLoaded) {
  const Count count;
  auto model = load(3, 1, false, "specialists.json");
  EXPECT_EQ(count.more(), 0);
  model->prepare({true, false});
  EXPECT_EQ(count.more(), 2);
  model->prepare();
  EXPECT_EQ(count.more(), 4) << "each member has its own";
  model.reset();
  EXPECT_TRUE(count.becomes(0)) << count.more();
}

TEST(ThreadCount, ASeparatorHasThemWhileItSeparates) {
  const auto model = load(1, 3);
  const Count count;
  Separator separator(model);
  EXPECT_EQ(count.more(), 0);
  long most = 0;
  const auto write = [&](std::size_t, std::size_t, const float* const* const*) { most = std::max(most, count.more()); };
  const auto read = [](std::size_t first, std::size_t frames, float* const* channels) {
    return quiet(first, std::min<std::size_t>(frames, 9000 - first), channels);
  };
  separator.separate(read, write);
  EXPECT_EQ(most, 3) << "as many as runs at a time";
  EXPECT_TRUE(count.becomes(0)) << count.more();
}

TEST(ThreadCount, ADeckPoolHasThemFromItsConstructionOn) {
  const auto model = load(1, 2);
  const Count count;
  DeckPoolOptions options;
  options.workers = 2;
  std::optional<DeckPool> pool(std::in_place, model, options);
  EXPECT_EQ(count.more(), 3) << "its workers, and one that looks at the playheads";
  std::optional<Deck> deck(std::in_place, *pool, quiet, 5000);
  EXPECT_EQ(count.more(), 3) << "a deck has none";
  DeckOptions spilling;
  spilling.spill_folder = testing::TempDir();
  std::optional<Deck> other(std::in_place, *pool, quiet, 5000, spilling);
  EXPECT_EQ(count.more(), 4) << "with a spill file it has one";
  other.reset();
  EXPECT_TRUE(count.becomes(3)) << count.more();
  pool.reset();
  EXPECT_EQ(count.more(), 3) << "a deck keeps its pool";
  deck.reset();
  EXPECT_TRUE(count.becomes(0)) << count.more();
}

TEST(ThreadCount, AStreamHasOneFromItsConstructionOn) {
  const auto model = load(1);
  const Count count;
  StreamOptions options;
  options.hop = 0.008;
  options.lookahead = 0.004;
  options.crossfade = 0.002;
  std::optional<Stream> stream(std::in_place, model, options);
  EXPECT_EQ(count.more(), 1);
  stream.reset();
  EXPECT_TRUE(count.becomes(0)) << count.more();
}
