#include "deck/stem_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "base/spill_file.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t block = 64;

std::unique_ptr<const StemBlock> constant(float value, StemStorage storage = StemStorage::exact) {
  std::vector<float> samples(block, value);
  return std::make_unique<StemBlock>(std::vector<float*>{samples.data(), samples.data()}, block, storage);
}

/// One stem of two channels that both hold the same.
class Reader {
 public:
  explicit Reader(StemCache& cache) : cache_(cache) {}

  std::vector<float> read(std::size_t frame, std::size_t count, StemQuality quality) {
    std::vector<float> left(count, -1.0F);
    std::vector<float> right(count, -1.0F);
    float* rows[] = {left.data(), right.data()};
    float* const* stems[] = {rows};
    const auto got = cache_.read(frame, count, {stems, 2, 1});
    EXPECT_EQ(got.quality, quality);
    for (std::size_t i = got.frames; i < count; ++i) EXPECT_EQ(left[i], -1.0F) << "touched what it did not deliver";
    left.resize(got.frames);
    right.resize(got.frames);
    EXPECT_EQ(left, right);
    return left;
  }

 private:
  StemCache& cache_;
};

void expect_steady(const std::vector<float>& samples, float first, float last, float max_step) {
  EXPECT_NEAR(samples.front(), first, max_step);
  EXPECT_NEAR(samples.back(), last, max_step);
  for (std::size_t i = 1; i < samples.size(); ++i) {
    ASSERT_LE(std::abs(samples[i] - samples[i - 1]), max_step) << "a jump at frame " << i;
  }
}

}  // namespace

TEST(StemCache, ReadsWhatIsThereUpToTheFirstGap) {
  StemCache cache(2, 5 * block - 10, block, 20);
  Reader reader(cache);
  EXPECT_TRUE(reader.read(0, 100, StemQuality::none).empty());
  cache.put(1, StemCache::final, constant(1));
  cache.put(2, StemCache::final, constant(2));
  cache.put(4, StemCache::final, constant(4));
  EXPECT_TRUE(reader.read(0, 100, StemQuality::none).empty());
  const auto across = reader.read(100, 500, StemQuality::final);
  ASSERT_EQ(across.size(), 3 * block - 100);
  EXPECT_EQ(across[0], 1);
  EXPECT_EQ(across[28], 2);
  EXPECT_EQ(reader.read(4 * block, 500, StemQuality::final).size(), block - 10) << "the track ends inside a block";
  EXPECT_TRUE(reader.read(~std::size_t{0}, 10, StemQuality::none).empty());
}

TEST(StemCache, FadesFromProvisionalToFinalInWhateverPieces) {
  for (const std::size_t piece : {1U, 7U, 64U, 300U}) {
    StemCache cache(2, 6 * block, block, 20);
    Reader reader(cache);
    for (std::size_t i = 0; i < 6; ++i) cache.put(i, StemCache::provisional, constant(0));
    std::vector<float> heard = reader.read(10, 30, StemQuality::provisional);
    for (std::size_t i = 0; i < 6; ++i) cache.put(i, StemCache::final, constant(1));
    for (std::size_t at = 40; at < 340; at += piece) {
      const auto quality = at < 60 ? StemQuality::provisional : StemQuality::final;
      const auto more = reader.read(at, std::min<std::size_t>(piece, 340 - at), quality);
      heard.insert(heard.end(), more.begin(), more.end());
    }
    expect_steady(heard, 0, 1, 1.0F / 20 + 1e-6F);
    EXPECT_EQ(heard[30 + 20], 1) << "it fades for longer than was said";
  }
}

TEST(StemCache, AfterAJumpThereIsNothingToFadeFrom) {
  StemCache cache(2, 6 * block, block, 20);
  Reader reader(cache);
  for (std::size_t i = 0; i < 6; ++i) cache.put(i, StemCache::provisional, constant(0));
  reader.read(0, 30, StemQuality::provisional);
  for (std::size_t i = 0; i < 6; ++i) cache.put(i, StemCache::final, constant(1));
  EXPECT_EQ(reader.read(200, 1, StemQuality::final).front(), 1);
}

TEST(StemCache, FadesWhereFinalStemsBeginAndEnd) {
  StemCache cache(2, 6 * block, block, 20);
  Reader reader(cache);
  for (const std::size_t i : {0U, 1U, 2U, 3U, 4U, 5U}) cache.put(i, StemCache::provisional, constant(0));
  for (const std::size_t i : {2U, 3U}) cache.put(i, StemCache::final, constant(1));
  const auto heard = reader.read(0, 6 * block, StemQuality::provisional);
  ASSERT_EQ(heard.size(), 6 * block);
  expect_steady(heard, 0, 0, 1.0F / 20 + 1e-6F);
  for (std::size_t i = 2 * block + 20; i < 4 * block - 20; ++i) ASSERT_EQ(heard[i], 1) << i;
  for (std::size_t i = 4 * block; i < 6 * block; ++i) ASSERT_EQ(heard[i], 0) << i;
}

TEST(StemCache, CompactBlocksAreHalfAsLargeAndNearlyTheSame) {
  std::vector<float> samples;
  for (std::size_t i = 0; i < block; ++i) samples.push_back(0.3F * std::sin(static_cast<float>(i)));
  std::vector<float> silence(block, 0.0F);
  const StemBlock compact({samples.data(), silence.data()}, block, StemStorage::compact);
  std::vector<float> out(block);
  compact.copy(0, 0, block, out.data());
  for (std::size_t i = 0; i < block; ++i) ASSERT_NEAR(out[i], samples[i], 0.3F / 65000);
  compact.copy(1, 0, block, out.data());
  EXPECT_EQ(out, silence);
  EXPECT_LT(StemBlock::size(8, 8192, StemStorage::compact), 8 * 8192 * 2 + 100);
}

TEST(StemCache, SpilledBlocksComeBackAndTheFileVanishes) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "spill_test";
  std::filesystem::create_directories(folder);
  for (const auto storage : {StemStorage::exact, StemStorage::compact}) {
    SpillFile file(folder);
#ifndef _WIN32
    EXPECT_TRUE(std::filesystem::is_empty(folder)) << "what has a name outlives a crash";
#endif
    constant(0.5F, storage)->save(file, 3);
    constant(-0.25F, storage)->save(file, 0);
    std::vector<float> out(block);
    StemBlock(file, 3, 2, block, storage).copy(1, 0, block, out.data());
    EXPECT_EQ(out, std::vector<float>(block, 0.5F));
    StemBlock(file, 0, 2, block, storage).copy(0, 0, block, out.data());
    EXPECT_EQ(out, std::vector<float>(block, -0.25F));
    EXPECT_THROW(StemBlock(file, 9, 2, block, storage), Error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
  EXPECT_THROW(SpillFile{folder}, Error);
}

/// Blocks come, change and go under a reader that must only ever see whole ones.
TEST(StemCache, ManyReadsWhileBlocksComeAndGo) {
  StemCache cache(2, 4 * block, block, 20);
  std::atomic<bool> stop{false};
  std::thread audio([&] {
    std::vector<float> samples(2 * 4 * block);
    float* rows[] = {samples.data(), samples.data() + 4 * block};
    float* const* stems[] = {rows};
    while (!stop) {
      const auto got = cache.read(30, 100, {stems, 2, 1});
      for (std::size_t i = 0; i < got.frames; ++i) {
        ASSERT_EQ(samples[i], samples[4 * block + i]);
        ASSERT_GE(samples[i], 1) << "a block that was freed";
      }
    }
  });
  for (int round = 1; round < 3000; ++round) {
    for (std::size_t i = 0; i < 4; ++i) {
      const auto kind = round % 3 == 0 ? StemCache::final : StemCache::provisional;
      cache.put(i, kind, constant(static_cast<float>(round)));
      if (round % 2 == 0) cache.drop(i, StemCache::final);
    }
  }
  stop = true;
  audio.join();
}
