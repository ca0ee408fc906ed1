#include "deck/deck_planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/deck_limits.hpp"
#include "deck/playback_route.hpp"
#include "demucs_ort/error.hpp"
#include "rate/window_grid.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t block = 100;
constexpr std::size_t segment = 400;  // segments overlap by one block
constexpr std::size_t stride = 300;
constexpr std::size_t near = 4;
constexpr std::size_t window = 2;  // blocks of the provisional model
constexpr DeckLimits plenty{6, 1'000'000, 1000, 1000, 0};

BlockGrid grid_of(std::size_t blocks) {
  return {blocks * block, block, SegmentPlan(blocks * block, WindowGrid(segment), stride, {0})};
}

using Order = std::vector<std::size_t>;

/// A deck without threads and audio: whatever the planner wants done is done at once.
class Deck {
 public:
  explicit Deck(std::size_t blocks, const DeckLimits& limits = plenty, bool spills = false, bool measured = true)
      : grid(grid_of(blocks)), planner(grid, near, window, limits), table(blocks, spills) {
    if (measured) planner.level_known();
  }

  void put(std::size_t index) {
    if (!std::exchange(table.blocks[index].final, true)) ++table.final_blocks;
    planner.changed();
  }
  void put_provisional(std::size_t index) {
    if (!std::exchange(table.blocks[index].provisional, true)) ++table.provisional_blocks;
    planner.changed();
  }
  void add_part(std::size_t index, std::size_t of_segment, std::size_t floats = 0) {
    table.blocks[index].parts.push_back({of_segment, std::vector<float>(floats)});
    table.part_bytes += floats * sizeof(float);
    planner.changed();
  }

  std::optional<DeckJob> begin_next(std::size_t provisional_ahead = 0) {
    const auto job = planner.next(table, provisional_ahead);
    if (job) planner.begin(*job);
    return job;
  }
  void finish(const DeckJob& job) {
    if (job.kind == DeckJob::Kind::segment) {
      const auto [first, end] = grid.blocks_of(job.index);
      for (std::size_t index = first; index < end; ++index) {
        BlockStatus& status = table.blocks[index];
        if (status.finished()) continue;
        add_part(index, job.index);
        const auto needed = grid.segments_of(index);
        if (status.parts.size() < needed.end - needed.first) continue;
        status.parts.clear();
        put(index);
      }
    }
    planner.end(job);
  }
  /// Computes until nothing is left or so many segments are done, and returns which were.
  Order compute(std::size_t most = 1000) {
    Order order;
    while (order.size() < most) {
      const auto job = begin_next();
      if (!job) break;
      EXPECT_EQ(job->kind, DeckJob::Kind::segment);
      order.push_back(job->index);
      finish(*job);
    }
    return order;
  }
  /// What is dropped, of one kind.
  Order drop(Surplus::Kind kind) {
    Order order;
    planner.changed();
    while (const auto surplus = planner.surplus(table)) {
      EXPECT_EQ(surplus->kind, kind);
      order.push_back(surplus->block);
      BlockStatus& status = table.blocks[surplus->block];
      if (kind == Surplus::Kind::final) table.final_blocks -= std::exchange(status.final, false);
      if (kind == Surplus::Kind::provisional) table.provisional_blocks -= std::exchange(status.provisional, false);
      if (kind == Surplus::Kind::parts) {
        for (const auto& part : status.parts) table.part_bytes -= part.rows.size() * sizeof(float);
        status.parts.clear();
      }
    }
    return order;
  }
  /// What the disk does next, done at once.
  std::optional<DiskJob> disk() {
    const auto job = planner.next_disk(table);
    if (!job) return job;
    planner.begin(*job);
    EXPECT_FALSE(planner.next_disk(table)) << "the disk does one thing at a time";
    if (job->kind == DiskJob::Kind::spill) {
      EXPECT_TRUE(table.blocks[job->block].final && !table.blocks[job->block].spilled);
      table.blocks[job->block].spilled = true;
    } else {
      EXPECT_TRUE(!table.blocks[job->block].final && table.blocks[job->block].spilled);
      put(job->block);
    }
    planner.end(*job);
    return job;
  }
  void go_to(std::size_t index, const PlaybackPosition::Loop& loop = {}) { planner.follow(index, loop); }

  BlockGrid grid;
  DeckPlanner planner;
  BlockTable table;
};

void expect_disk(const std::optional<DiskJob>& job, DiskJob::Kind kind, std::size_t index) {
  ASSERT_TRUE(job);
  EXPECT_EQ(job->kind, kind);
  EXPECT_EQ(job->block, index);
}

}  // namespace

TEST(BlockGrid, KnowsWhichSegmentsReachWhichBlocks) {
  const std::size_t frames = 1234;
  const BlockGrid grid(frames, 64, SegmentPlan(frames, WindowGrid(500), 120, {0, 77}));
  std::size_t deepest = 0;
  for (std::size_t b = 0; b < grid.blocks(); ++b) {
    const auto [first, end] = grid.segments_of(b);
    deepest = std::max(deepest, end - first);
    for (std::size_t s = 0; s < grid.segments(); ++s) {
      const auto blocks = grid.blocks_of(s);
      const bool reaches = grid.clip(s, b).frames > 0;
      EXPECT_EQ(reaches, s >= first && s < end) << "segment " << s << ", block " << b;
      EXPECT_EQ(reaches, b >= blocks.first && b < blocks.end) << "segment " << s << ", block " << b;
    }
  }
  EXPECT_EQ(grid.max_depth(), deepest);
  EXPECT_EQ(grid.start(grid.blocks() - 1) + grid.frames_of(grid.blocks() - 1), frames);
}

TEST(DeckPlanner, MeasuresBeforeItSeparates) {
  Deck deck(12, plenty, false, false);
  const auto job = deck.begin_next();
  ASSERT_TRUE(job && job->kind == DeckJob::Kind::measure);
  EXPECT_FALSE(deck.begin_next()) << "only one thread measures";
  EXPECT_FALSE(deck.planner.measured());
  deck.planner.end(*job);
  const auto more = deck.begin_next();
  ASSERT_TRUE(more && more->kind == DeckJob::Kind::measure) << "the level is not known yet";
  deck.planner.level_known();
  const auto segment_job = deck.begin_next();
  ASSERT_TRUE(segment_job && segment_job->kind == DeckJob::Kind::segment);
  EXPECT_EQ(segment_job->index, 0U);
}

TEST(DeckPlanner, SeparatesAheadOfThePlayheadThenTheRest) {
  Deck deck(30);
  deck.go_to(15);
  // Block 15 is the last of segment 4 and the first of segment 5; 14 and 13, shortly behind, are of segment 4 too.
  EXPECT_EQ(deck.compute(), (Order{4, 5, 6, 7, 8, 9, 0, 1, 2, 3}));
  EXPECT_TRUE(deck.planner.idle());
  EXPECT_EQ(deck.table.final_blocks, 30U);
}

TEST(DeckPlanner, PlansAnewAfterAJump) {
  Deck deck(30);
  EXPECT_EQ(deck.compute(2), (Order{0, 1}));
  deck.go_to(20);
  EXPECT_EQ(deck.compute(2), (Order{6, 7}));
  deck.go_to(10);
  EXPECT_EQ(deck.compute(), (Order{3, 4, 2, 5, 8, 9})) << "what is there is not computed again";
}

TEST(DeckPlanner, ALoopComesBackBeforeWhatLiesBehindIt) {
  Deck deck(30);
  deck.go_to(10, {7, 12});
  EXPECT_EQ(deck.compute(), (Order{3, 2, 4, 5, 6, 7, 8, 9, 0, 1}));
}

TEST(DeckPlanner, CuesComeAfterWhatIsJustAhead) {
  Deck deck(30);
  deck.planner.set_cues({20 * block + 7});
  EXPECT_EQ(deck.compute(), (Order{0, 1, 6, 7, 2, 3, 4, 5, 8, 9}));
  EXPECT_THROW(deck.planner.set_cues({30 * block}), Error);
  EXPECT_THROW(deck.planner.set_cues(std::vector<std::size_t>(1025)), Error);
}

TEST(DeckPlanner, ChangesWakeItUp) {
  Deck deck(12);
  deck.compute();
  EXPECT_TRUE(deck.planner.idle());
  deck.go_to(3);
  EXPECT_FALSE(deck.planner.idle());
  EXPECT_FALSE(deck.begin_next());
  EXPECT_TRUE(deck.planner.idle());
}

TEST(DeckPlanner, NoTwoWorkersComputeTheSame) {
  Deck deck(12);
  std::vector<DeckJob> jobs;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto job = deck.begin_next();
    ASSERT_TRUE(job);
    EXPECT_EQ(job->index, i);
    jobs.push_back(*job);
  }
  EXPECT_FALSE(deck.begin_next()) << "all segments are being computed";
  EXPECT_FALSE(deck.planner.idle());
  deck.planner.end(jobs[2]);  // interrupted
  const auto again = deck.begin_next();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->index, 2U);
}

TEST(DeckPlanner, DeadlinesAreWhereThePlayheadFindsNothing) {
  Deck deck(30);
  auto job = deck.planner.next(deck.table, 0);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->deadline, 0U);
  for (const std::size_t there : {0U, 1U, 2U, 3U, 4U}) deck.put_provisional(there);
  job = deck.begin_next();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->index, 0U) << "the first that is not final";
  EXPECT_EQ(job->rank, 0U);
  EXPECT_EQ(job->deadline, 5 * block);
  EXPECT_EQ(deck.planner.deadline(*job, deck.table), 5 * block) << "as when it was chosen";
  deck.go_to(3);
  EXPECT_EQ(deck.planner.deadline(*job, deck.table), 2 * block);
  deck.go_to(8);
  EXPECT_EQ(deck.planner.deadline(*job, deck.table), 23 * block) << "the playhead comes there after all that is ahead";
  EXPECT_EQ(deck.planner.deadline({DeckJob::Kind::measure, 0, 0, 0}, deck.table), 0U);
}

TEST(DeckPlanner, ProvisionalStemsComeFirstAsFarAsTheyAreNeeded) {
  Deck deck(30);
  deck.go_to(10);
  deck.put(10);
  EXPECT_EQ(deck.planner.next(deck.table, block)->kind, DeckJob::Kind::segment) << "there is enough";
  const auto job = deck.begin_next(3 * block);
  ASSERT_TRUE(job && job->kind == DeckJob::Kind::provisional);
  EXPECT_EQ(job->index, 11U);
  EXPECT_EQ(job->deadline, block);
  const auto other = deck.begin_next(3 * block);
  ASSERT_TRUE(other && other->kind == DeckJob::Kind::segment) << "one window at a time";
  EXPECT_EQ(other->index, 3U);
  EXPECT_EQ(deck.planner.deadline(*job, deck.table), block);
  deck.go_to(12);
  EXPECT_EQ(deck.planner.deadline(*job, deck.table), 0U) << "the playhead is inside the window";
  deck.planner.end(*job);
  const auto next = deck.begin_next(3 * block);
  ASSERT_TRUE(next && next->kind == DeckJob::Kind::provisional);
  EXPECT_EQ(next->index, 12U);
}

TEST(DeckPlanner, ProvisionalBlocksAreOfUseInGapsAndWhereFinalStemsBeginAndEnd) {
  Deck deck(12);
  for (const std::size_t there : {3U, 6U, 7U}) deck.put(there);
  const auto wants = [&](std::size_t index, std::size_t first) {
    return DeckPlanner::wants_provisional(index, first, deck.table);
  };
  EXPECT_TRUE(wants(4, 4) && wants(5, 4)) << "a gap";
  EXPECT_TRUE(wants(3, 4)) << "final stems end here";
  EXPECT_TRUE(wants(6, 4)) << "final stems begin here";
  EXPECT_FALSE(wants(7, 4)) << "amid final stems";
  EXPECT_FALSE(wants(8, 9)) << "before the window's first block, and no end of final stems";
}

TEST(DeckPlanner, KeepsToItsMemoryAtTheExpenseOfWhatThePlayheadReachesLast) {
  Deck deck(30, {6, 1'000'000, 1000, 8, 0});
  EXPECT_EQ(deck.compute(), (Order{0, 1, 2})) << "no more than fits";
  EXPECT_EQ(deck.table.final_blocks, 9U) << "a segment is longer than the rest of the memory";
  EXPECT_EQ(deck.drop(Surplus::Kind::final), (Order{8}));
  EXPECT_EQ(deck.compute(), Order{});
  EXPECT_TRUE(deck.planner.idle());
  deck.go_to(20);
  EXPECT_FALSE(deck.planner.surplus(deck.table)) << "nothing goes before something comes";
  EXPECT_EQ(deck.compute(1), (Order{6}));
  EXPECT_EQ(deck.drop(Surplus::Kind::final), (Order{7, 6}));
  for (const std::size_t there : {0U, 1U, 5U, 19U, 20U}) EXPECT_TRUE(deck.table.blocks[there].final) << there;
  EXPECT_EQ(deck.drop(Surplus::Kind::final), Order{});
}

TEST(DeckPlanner, PartsThatAreTooManyGoFromTheRoutesEnd) {
  Deck deck(30, {6, 100 * sizeof(float), 1000, 1000, 0});
  deck.go_to(20);
  for (const std::size_t at : {3U, 9U, 18U, 21U}) deck.add_part(at, at / 3, 40);
  EXPECT_EQ(deck.drop(Surplus::Kind::parts), (Order{18, 9})) << "what lies behind is reached last";
  EXPECT_EQ(deck.table.part_bytes, 80 * sizeof(float));
}

TEST(DeckPlanner, APartThatWasDroppedIsComputedAgain) {
  Deck deck(12);
  EXPECT_EQ(deck.compute(1), (Order{0}));
  EXPECT_EQ(deck.table.blocks[3].parts.size(), 1U) << "the second segment reaches it, too";
  deck.table.blocks[3].parts.clear();
  EXPECT_EQ(deck.compute(), (Order{0, 1, 2, 3}));
}

TEST(DeckPlanner, ProvisionalStemsGoWhenNobodyFadesThereAnyMore) {
  Deck deck(30, {6, 1'000'000, 4, 1000, 0});
  for (std::size_t i = 0; i < 8; ++i) deck.put_provisional(i);
  EXPECT_EQ(deck.drop(Surplus::Kind::provisional), (Order{7, 6, 5, 4})) << "too many, the last ones first";
  for (std::size_t i = 0; i < 4; ++i) deck.put(i);
  EXPECT_EQ(deck.drop(Surplus::Kind::provisional), Order{}) << "the playhead is here";
  for (std::size_t i = 4; i < 7; ++i) deck.put(i);
  deck.go_to(20);
  EXPECT_EQ(deck.drop(Surplus::Kind::provisional), (Order{3, 2, 1, 0})) << "amid final stems";
  deck.put_provisional(6);
  EXPECT_EQ(deck.drop(Surplus::Kind::provisional), Order{}) << "final stems end here";
}

TEST(DeckPlanner, PartsGoBeforeProvisionalStemsAndThoseBeforeFinalOnes) {
  Deck deck(12, {6, 0, 0, 0, 0});
  deck.put(1);
  deck.put_provisional(2);
  deck.add_part(3, 1, 10);
  EXPECT_EQ(deck.planner.surplus(deck.table)->kind, Surplus::Kind::parts);
  deck.table.blocks[3].parts.clear();
  deck.table.part_bytes = 0;
  EXPECT_EQ(deck.planner.surplus(deck.table)->kind, Surplus::Kind::provisional);
  deck.table.blocks[2].provisional = false;
  deck.table.provisional_blocks = 0;
  EXPECT_EQ(deck.planner.surplus(deck.table)->kind, Surplus::Kind::final);
}

TEST(DeckPlanner, FinalStemsThatDoNotFitAreSpilledBeforeTheyGo) {
  Deck deck(30, {6, 1'000'000, 1000, 8, 12}, true);
  EXPECT_EQ(deck.compute(3), (Order{0, 1, 2}));
  EXPECT_EQ(deck.table.final_blocks, 9U);
  EXPECT_FALSE(deck.planner.surplus(deck.table)) << "it is not in the file yet";
  expect_disk(deck.disk(), DiskJob::Kind::spill, 8);
  EXPECT_EQ(deck.drop(Surplus::Kind::final), (Order{8}));
  EXPECT_FALSE(deck.disk()) << "the rest fits";
  EXPECT_EQ(deck.compute(1), (Order{3})) << "with a file the whole track is computed";
}

TEST(DeckPlanner, ComputingWaitsForADiskThatFallsBehind) {
  Deck deck(30, {6, 1'000'000, 1000, 8, 8}, true);
  EXPECT_EQ(deck.compute(), (Order{0, 1, 2, 3})) << "until another segment might be too much";
  EXPECT_EQ(deck.table.final_blocks, 12U);
  EXPECT_FALSE(deck.planner.idle());
  for (const std::size_t last : {11U, 10U, 9U, 8U}) {
    expect_disk(deck.disk(), DiskJob::Kind::spill, last);
    EXPECT_EQ(deck.drop(Surplus::Kind::final), (Order{last}));
  }
  const auto job = deck.begin_next();
  ASSERT_TRUE(job) << "there is room again";
  EXPECT_EQ(job->index, 4U);
  EXPECT_FALSE(deck.begin_next()) << "what is being computed counts";
}

TEST(DeckPlanner, LoadingGoesBeforeSpillingWhileThereIsRoom) {
  Deck deck(30, {6, 1'000'000, 1000, 8, 2}, true);
  for (std::size_t i = 0; i < 8; ++i) deck.put(i);
  for (std::size_t i = 20; i < 30; ++i) deck.table.blocks[i].spilled = true;
  deck.go_to(20);
  expect_disk(deck.disk(), DiskJob::Kind::load, 20);
  expect_disk(deck.disk(), DiskJob::Kind::load, 21);
  expect_disk(deck.disk(), DiskJob::Kind::spill, 7);
  EXPECT_EQ(deck.drop(Surplus::Kind::final), (Order{7}));
  expect_disk(deck.disk(), DiskJob::Kind::load, 22);
}

TEST(DeckPlanner, SpilledStemsAreLoadedWhereThePlayheadNeedsThem) {
  Deck deck(30, {6, 1'000'000, 1000, 8, 12}, true);
  const auto settle = [&] {
    while (!deck.drop(Surplus::Kind::final).empty() || !deck.compute(1).empty() || deck.disk()) {
    }
  };
  settle();
  EXPECT_TRUE(deck.planner.idle());
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(deck.table.blocks[i].final, i < 8) << i;
  for (std::size_t i = 8; i < 30; ++i) EXPECT_TRUE(deck.table.blocks[i].spilled) << i;

  deck.go_to(20);
  EXPECT_EQ(deck.compute(), Order{}) << "nothing is computed again";
  expect_disk(deck.disk(), DiskJob::Kind::load, 20);
  expect_disk(deck.disk(), DiskJob::Kind::load, 21);
  settle();
  for (std::size_t i = 20; i < 26; ++i) EXPECT_TRUE(deck.table.blocks[i].final) << i;
  for (std::size_t i = 0; i < 30; ++i) EXPECT_TRUE(deck.table.blocks[i].finished()) << i;
  EXPECT_EQ(deck.table.final_blocks, 8U);
  deck.go_to(0);
  deck.table.spills = false;  // the disk is broken
  for (auto& status : deck.table.blocks) status.spilled = false;
  EXPECT_FALSE(deck.planner.next_disk(deck.table));
  EXPECT_EQ(deck.compute(1), (Order{0})) << "it is computed again";
}

TEST(DeckLimits, ShareTheMemoryAndNoMore) {
  const BlockGrid grid = grid_of(2000);
  constexpr std::size_t mebibyte = std::size_t{1} << 20U;
  for (const bool spills : {false, true}) {
    for (const bool provisional : {false, true}) {
      const DeckNeeds needs{8000, 4000, 6, 3, provisional, spills};
      const DeckLimits limits = DeckLimits::share(2, grid, needs);
      EXPECT_EQ(limits.part_bytes, (grid.max_depth() + 3) * 6 * 4000);
      EXPECT_EQ(limits.provisional_blocks, provisional ? 12U : 0U);
      EXPECT_EQ(limits.unwritten_blocks, spills ? 24U : 0U);
      const std::size_t blocks = limits.provisional_blocks + limits.unwritten_blocks + limits.final_blocks;
      EXPECT_LE(limits.part_bytes + blocks * needs.block_bytes, 2 * mebibyte);
      EXPECT_GT(limits.part_bytes + (blocks + 1) * needs.block_bytes, 2 * mebibyte);
    }
  }
  const DeckNeeds large{100'000, 100'000, 6, 1, false, false};
  std::string message;
  try {
    DeckLimits::share(1, grid, large);
  } catch (const Error& error) {
    message = error.what();
  }
  // Parts of three segments and stems of two: 30 blocks of 100000 bytes.
  EXPECT_NE(message.find("give at least 3"), std::string::npos) << message;
  EXPECT_EQ(DeckLimits::share(3, grid, large).final_blocks, (3 * mebibyte - 1'800'000) / 100'000);
}
