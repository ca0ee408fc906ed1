#include "separation/overlap_add.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

using namespace demucs_ort;

std::vector<float> front(const OverlapAdd& sums, std::size_t row, std::size_t frames) {
  const float* samples = sums.rows()[row];
  return {samples, samples + frames};
}

TEST(OverlapAdd, SumsWeightedPiecesAndForgetsWhatIsPopped) {
  OverlapAdd sums(2, 4);
  const float weights[] = {1, 0.5F, 0.25F, 1};
  const float piece[] = {8, 8, 8, 8};
  sums.add(0, 0, 4, 1.0F, weights, piece);
  sums.add(1, 0, 4, 2.0F, weights, piece);
  EXPECT_EQ(sums.side_by_side(), 4U);
  EXPECT_EQ(front(sums, 0, 4), (std::vector<float>{8, 4, 2, 8}));
  EXPECT_EQ(front(sums, 1, 4), (std::vector<float>{16, 8, 4, 16}));
  sums.pop(3);
  EXPECT_EQ(sums.position(), 3U);
  sums.add(0, 3, 4, 1.0F, weights, piece);
  EXPECT_EQ(sums.side_by_side(), 1U);
  EXPECT_EQ(front(sums, 0, 1), (std::vector<float>{16}));
  EXPECT_EQ(front(sums, 1, 1), (std::vector<float>{16}));
  sums.pop(1);
  EXPECT_EQ(sums.side_by_side(), 4U);
  EXPECT_EQ(front(sums, 0, 4), (std::vector<float>{4, 2, 8, 0}));
  EXPECT_EQ(front(sums, 1, 4), (std::vector<float>{0, 0, 0, 0}));
}

TEST(OverlapAdd, DropsFramesBeforeTheFront) {
  OverlapAdd sums(1, 4);
  const float weights[] = {1, 1, 1, 1};
  const float piece[] = {1, 2, 3, 4};
  sums.add(0, -2, 4, 1.0F, weights, piece);
  sums.add(0, -9, 4, 1.0F, weights, piece);
  EXPECT_EQ(std::vector<float>(sums.rows()[0], sums.rows()[0] + 4), (std::vector<float>{3, 4, 0, 0}));
}

TEST(OverlapAdd, ResetStartsOver) {
  OverlapAdd sums(1, 2);
  const float ones[] = {1, 1};
  sums.add(0, 0, 2, 1.0F, ones, ones);
  sums.pop(1);
  sums.reset();
  EXPECT_EQ(sums.position(), 0U);
  EXPECT_EQ(sums.rows()[0][0], 0.0F);
}
