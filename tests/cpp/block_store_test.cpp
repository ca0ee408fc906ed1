#include "deck/block_store.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/stem_cache.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "heard_log.hpp"
#include "held_spill_file.hpp"
#include "rate/window_grid.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t block = 64;

std::unique_ptr<const StemBlock> constant(float value) {
  std::vector<float> samples(block, value);
  return std::make_unique<StemBlock>(std::vector<float*>{samples.data()}, block, StemStorage::exact);
}

BlockGrid grid_of(std::size_t blocks) {
  return {blocks * block, block, SegmentPlan(blocks * block, WindowGrid(200), 150, {0})};
}

constexpr BlockStore::Format mono{1, 1, StemStorage::exact, 20};

DeckRead read(BlockStore& store, std::size_t index, std::vector<float>& samples) {
  samples.assign(block, -1.0F);
  float* rows[] = {samples.data()};
  float* const* stems[] = {rows};
  return store.read(index * block, block, stems);
}

BlockStatus status(const BlockStore& store, std::size_t index) {
  return store.look([&](const BlockTable& table) { return table.blocks[index]; });
}

BlockPart part(std::size_t segment, std::size_t floats) { return {segment, std::vector<float>(floats)}; }

}  // namespace

TEST(BlockStore, CountsWhatItHas) {
  BlockStore store(grid_of(5), mono, nullptr);
  EXPECT_FALSE(store.spills());
  store.put(1, StemCache::final, constant(1));
  store.put(1, StemCache::final, constant(2));
  store.put(2, StemCache::provisional, constant(3));
  const auto counts = [&] {
    return store.look([](const BlockTable& table) {
      return std::vector<std::size_t>{table.final_blocks, table.provisional_blocks, table.part_bytes};
    });
  };
  EXPECT_EQ(counts(), (std::vector<std::size_t>{1, 1, 0}));
  EXPECT_FALSE(store.add(3, part(1, 10), 2));
  EXPECT_EQ(counts(), (std::vector<std::size_t>{1, 1, 40}));
  std::vector<float> samples;
  EXPECT_EQ(read(store, 1, samples).quality, StemQuality::final);
  EXPECT_EQ(samples, std::vector<float>(block, 2));
  EXPECT_EQ(read(store, 2, samples).quality, StemQuality::provisional);
  store.drop({Surplus::Kind::final, 1});
  store.drop({Surplus::Kind::final, 1});
  store.drop({Surplus::Kind::provisional, 2});
  store.drop({Surplus::Kind::parts, 3});
  EXPECT_EQ(counts(), (std::vector<std::size_t>{0, 0, 0}));
  EXPECT_EQ(read(store, 1, samples).frames, 0U);
}

TEST(BlockStore, WhoAddsTheLastPartFinishesTheBlock) {
  BlockStore store(grid_of(5), mono, nullptr);
  EXPECT_FALSE(store.add(2, part(1, 10), 2));
  EXPECT_FALSE(store.add(2, part(1, 10), 2)) << "the same again";
  auto parts = store.add(2, part(0, 10), 2);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->size(), 2U);
  EXPECT_TRUE(status(store, 2).finishing);
  EXPECT_FALSE(store.add(2, part(0, 10), 1)) << "somebody finishes it";
  store.give_up(2);
  EXPECT_FALSE(status(store, 2).finishing || status(store, 2).final);
  ASSERT_TRUE(store.add(2, part(0, 10), 1)) << "another try";
  store.put(2, StemCache::final, constant(1));
  EXPECT_TRUE(status(store, 2).final && !status(store, 2).finishing);
  EXPECT_FALSE(store.add(2, part(0, 10), 1)) << "it is finished";
  EXPECT_EQ(store.look([](const BlockTable& table) { return table.part_bytes; }), 0U);
}

TEST(BlockStore, EverythingGoesOnWhileTheDiskIsAtWork) {
  Gate writing;
  Gate reading;
  BlockStore store(grid_of(5), mono, std::make_unique<HeldSpillFile>(writing, reading));
  EXPECT_TRUE(store.spills());
  store.put(1, StemCache::final, constant(1));
  std::vector<float> samples;
  const auto use_it = [&](float value) {
    store.put(2, StemCache::final, constant(value));
    EXPECT_FALSE(store.add(4, part(static_cast<std::size_t>(value), 10), 9));
    EXPECT_EQ(read(store, 2, samples).quality, StemQuality::final);
    EXPECT_EQ(samples, std::vector<float>(block, value));
    store.drop({Surplus::Kind::final, 2});
    EXPECT_EQ(read(store, 2, samples).frames, 0U);
  };

  writing.close();
  std::thread writer([&] { store.spill(1); });
  writing.wait_for_somebody();
  use_it(7);
  EXPECT_EQ(read(store, 1, samples).quality, StemQuality::final) << "it stays while it is written";
  EXPECT_FALSE(status(store, 1).spilled);
  writing.open();
  writer.join();
  EXPECT_TRUE(status(store, 1).spilled && status(store, 1).final);
  store.drop({Surplus::Kind::final, 1});
  EXPECT_TRUE(status(store, 1).finished() && !status(store, 1).readable());

  reading.close();
  std::unique_ptr<const StemBlock> loaded;
  std::thread reader([&] { loaded = store.load(1); });
  reading.wait_for_somebody();
  use_it(8);
  reading.open();
  reader.join();
  ASSERT_TRUE(loaded);
  store.put(1, StemCache::final, std::move(loaded));
  EXPECT_EQ(read(store, 1, samples).quality, StemQuality::final);
  EXPECT_EQ(samples, std::vector<float>(block, 1));
}

TEST(BlockStore, ForgetsWhatWasSpilledWhenTheDiskFails) {
  struct BrokenFile : SpillFile {
    BrokenFile() : SpillFile(testing::TempDir()) {}
    void get(std::size_t, std::initializer_list<std::span<std::byte>>) override {
      throw Error(Status::runtime_failed, "the disk is gone");
    }
  };
  BlockStore store(grid_of(5), mono, std::make_unique<BrokenFile>());
  for (const std::size_t index : {1U, 2U}) {
    store.put(index, StemCache::final, constant(1));
    store.spill(index);
  }
  store.drop({Surplus::Kind::final, 1});
  EXPECT_FALSE(store.spill_failure());
  const HeardLog heard(LogLevel::warning);
  EXPECT_FALSE(store.load(1));
  EXPECT_EQ(heard.count(LogLevel::warning, "a deck gives up its spill file and keeps fewer stems: the disk is gone"),
            1U);
  ASSERT_TRUE(store.spill_failure());
  EXPECT_STREQ(store.spill_failure()->what(), "the disk is gone");
  EXPECT_FALSE(store.spills());
  EXPECT_FALSE(status(store, 1).finished()) << "it has to be computed again";
  EXPECT_TRUE(status(store, 2).final && !status(store, 2).spilled) << "what is in memory stays";
}
