#include "write/write_behind_stage.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <future>
#include <optional>
#include <stdexcept>
#include <vector>

#include "write/stage.hpp"

namespace {

constexpr std::size_t chunk = 100'000;  // more than a piece, and no more than it takes without waiting

/// Keeps the frames of two streams of one channel; waits before the first, and fails at one, if it is told to.
class Collector : public Stage {
 public:
  void write(std::size_t count, const float* const* const* streams) override {
    if (gate) gate->wait();
    if (samples[0].size() >= fails_at) throw std::runtime_error("the disk is full");
    for (std::size_t s = 0; s < 2; ++s) samples[s].insert(samples[s].end(), streams[s][0], streams[s][0] + count);
  }
  void finish() override { finished = true; }

  std::optional<std::shared_future<void>> gate;
  std::size_t fails_at = static_cast<std::size_t>(-1);
  std::vector<float> samples[2];
  bool finished = false;
};

class WriteBehind : public testing::Test {
 protected:
  WriteBehind() {
    stages.add<WriteBehindStage>(std::size_t{2}, std::size_t{1});
    end = &stages.add<Collector>();
  }

  void write(float value) {
    const std::vector<float> first(chunk, value);
    const std::vector<float> second(chunk, -value);
    const float* rows[] = {first.data(), second.data()};
    const float* const* streams[] = {&rows[0], &rows[1]};
    stages.write(chunk, streams);
  }

  StageList stages;
  Collector* end = nullptr;
};

}  // namespace

TEST_F(WriteBehind, PassesOnAllFramesInOrder) {
  for (int i = 0; i < 20; ++i) write(static_cast<float>(i));
  stages.finish();
  EXPECT_TRUE(end->finished);
  for (std::size_t s = 0; s < 2; ++s) {
    ASSERT_EQ(end->samples[s].size(), 20 * chunk);
    for (std::size_t i = 0; i < end->samples[s].size(); i += 997) {
      ASSERT_EQ(end->samples[s][i], static_cast<float>(i / chunk) * (s == 0 ? 1.0F : -1.0F)) << i;
    }
  }
}

TEST_F(WriteBehind, DoesNotWaitForASlowDiskUntilItIsFarBehind) {
  std::promise<void> disk;
  end->gate = disk.get_future().share();
  write(1);  // would never return if it waited
  disk.set_value();
  write(2);
  stages.finish();
  EXPECT_EQ(end->samples[0].size(), 2 * chunk);
}

TEST_F(WriteBehind, TellsWhatFailed) {
  end->fails_at = chunk;
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) write(1);
      },
      std::runtime_error);
  EXPECT_THROW(stages.finish(), std::runtime_error);
  EXPECT_FALSE(end->finished);
}

TEST_F(WriteBehind, GivesUpWhatIsNotFinished) {
  for (int i = 0; i < 3; ++i) write(1);
}
