#include "deck/playback_route.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

using namespace demucs_ort;

namespace {

std::vector<std::size_t> order(const PlaybackRoute& route) {
  std::vector<std::size_t> blocks;
  for (std::size_t rank = 0; rank < route.size(); ++rank) {
    blocks.push_back(route[rank]);
    EXPECT_EQ(route.rank(route[rank]), rank);
  }
  auto sorted = blocks;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t block = 0; block < sorted.size(); ++block) EXPECT_EQ(sorted[block], block) << "left out or twice";
  return blocks;
}

using Blocks = std::vector<std::size_t>;

}  // namespace

TEST(PlaybackRoute, GoesAheadThenAFewBehindThenTheRest) {
  PlaybackRoute route(12, 4);
  EXPECT_EQ(order(route), (Blocks{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_TRUE(route.follow(6, {}));
  EXPECT_FALSE(route.follow(6, {}));
  EXPECT_EQ(order(route), (Blocks{6, 7, 8, 9, 5, 10, 11, 0, 1, 2, 3, 4}));
  route.follow(11, {});
  EXPECT_EQ(order(route), (Blocks{11, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(PlaybackRoute, ALoopComesBackBeforeWhatLiesBehindItsEnd) {
  PlaybackRoute route(12, 4);
  route.follow(7, {5, 8});
  EXPECT_EQ(order(route), (Blocks{7, 5, 6, 8, 9, 10, 11, 0, 1, 2, 3, 4}));
  route.follow(2, {5, 8});
  EXPECT_EQ(order(route), (Blocks{2, 3, 4, 5, 6, 7, 1, 8, 9, 10, 11, 0})) << "the loop lies ahead";
  route.follow(9, {5, 8});
  EXPECT_EQ(order(route), (Blocks{9, 10, 11, 8, 0, 1, 2, 3, 4, 5, 6, 7})) << "the playhead has left the loop";
}

TEST(PlaybackRoute, CuesComeAfterWhatIsJustAhead) {
  PlaybackRoute route(12, 4);
  route.set_cues({9, 6});
  EXPECT_EQ(order(route), (Blocks{0, 1, 2, 3, 9, 10, 6, 7, 4, 5, 8, 11}));
}

TEST(PlaybackPosition, HoldsBothEndsOfALoopInBlocks) {
  PlaybackPosition position(1000, 64);
  EXPECT_EQ(position.loop(), PlaybackPosition::Loop{});
  position.set_loop(130, 256);
  EXPECT_EQ(position.loop(), (PlaybackPosition::Loop{2, 4}));
  position.set_loop(0, ~std::size_t{0});
  EXPECT_EQ(position.loop(), (PlaybackPosition::Loop{0, 16}));
  position.set_loop(256, 256);
  EXPECT_EQ(position.loop(), PlaybackPosition::Loop{});
  position.set_playhead(5000);
  EXPECT_EQ(position.playhead(), 999U);
}
