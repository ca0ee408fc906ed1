#include "demucs_ort/deck.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/deck_engine.hpp"
#include "deck/deck_workers.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "held_spill_file.hpp"
#include "rate/model_at_rate.hpp"

using namespace demucs_ort;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t segment = 1000;
constexpr std::size_t stride = 750;

std::shared_ptr<const Model> load(const std::string& name, unsigned runs = 4) {
  ModelOptions options;
  options.max_concurrent_runs = runs;
  options.threads = 1;
  return Model::load(std::filesystem::path(TEST_MODELS) / name, options);
}

using Stems = std::vector<std::vector<float>>;  // [stem x channel][frame]

/// A track of noise in memory that notes what is read of it.
class Track {
 public:
  explicit Track(std::size_t frames) : channels_(2) {
    std::uint32_t state = 7;
    for (std::size_t i = 0; i < 2 * frames; ++i) {
      state = state * 1664525U + 1013904223U;
      channels_[i % 2].push_back(static_cast<float>(state >> 8) / 16777216.0F - 0.4F);
    }
  }

  std::size_t frames() const { return channels_[0].size(); }

  Read reader() {
    return [this](std::size_t first, std::size_t count, float* const* out) {
      EXPECT_FALSE(reading_.exchange(true)) << "two reads at a time";
      if (on_read) on_read(first);
      const std::size_t got = std::min(count, frames() - first);
      for (std::size_t c = 0; c < 2; ++c) std::copy_n(channels_[c].data() + first, got, out[c]);
      const std::lock_guard lock(mutex_);
      reads_.push_back(first);
      reading_ = false;
      return got;
    };
  }

  /// The frames at which reads began, in order, without those of the measuring.
  std::vector<std::size_t> reads_after_measuring() const {
    const std::lock_guard lock(mutex_);
    const std::size_t measured = (frames() + segment - 1) / segment;
    return {reads_.begin() + static_cast<std::ptrdiff_t>(std::min(measured, reads_.size())), reads_.end()};
  }

  Stems separate(const std::shared_ptr<const Model>& model, const SeparatorOptions& options = {}) const {
    Separator separator(model, options);
    Stems out(2 * separator.stems().size(), std::vector<float>(frames()));
    std::vector<float*> rows;
    std::vector<float* const*> stems;
    for (auto& row : out) rows.push_back(row.data());
    for (std::size_t s = 0; s < separator.stems().size(); ++s) stems.push_back(rows.data() + 2 * s);
    const float* mix[] = {channels_[0].data(), channels_[1].data()};
    separator.separate(mix, frames(), stems.data());
    return out;
  }

  std::function<void(std::size_t first)> on_read;

 private:
  std::vector<std::vector<float>> channels_;
  mutable std::mutex mutex_;  // guards
  std::vector<std::size_t> reads_;
  std::atomic<bool> reading_{false};
};

struct Heard {
  Stems stems;
  DeckRead got;
};

const std::vector<std::string>& names(const Deck& deck) { return deck.stems(); }
const std::vector<std::string>& names(const DeckEngine& deck) { return deck.mixing().names(); }

template <typename AnyDeck>
Heard read(AnyDeck& deck, std::size_t frame, std::size_t frames) {
  const std::size_t count = names(deck).size();
  Heard heard{Stems(2 * count, std::vector<float>(frames, -9.0F)), {}};
  std::vector<float*> rows;
  std::vector<float* const*> stems;
  for (auto& row : heard.stems) rows.push_back(row.data());
  for (std::size_t s = 0; s < count; ++s) stems.push_back(rows.data() + 2 * s);
  heard.got = deck.read(frame, frames, stems.data());
  for (auto& row : heard.stems) row.resize(heard.got.frames);
  return heard;
}

void wait_for(const std::function<bool()>& condition, const char* what) {
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << "waited for a minute until " << what;
    std::this_thread::sleep_for(1ms);
  }
}

template <typename AnyDeck>
void wait_until_done(const AnyDeck& deck) {
  wait_for([&] { return deck.state().stage >= DeckStage::done; }, "the deck is done");
  EXPECT_EQ(deck.state().stage, DeckStage::done) << deck.state().message;
}

/// Frames [first, first + frames) of both, to the bit.
void expect_same_bits(const Stems& heard, const Stems& expected, std::size_t first) {
  ASSERT_EQ(heard.size(), expected.size());
  for (std::size_t row = 0; row < heard.size(); ++row) {
    for (std::size_t i = 0; i < heard[row].size(); ++i) {
      ASSERT_EQ(std::memcmp(&heard[row][i], &expected[row][first + i], sizeof(float)), 0)
          << "row " << row << ", frame " << first + i << ": " << heard[row][i] << " and " << expected[row][first + i];
    }
  }
}

template <typename AnyDeck>
void expect_whole_track(AnyDeck& deck, const Stems& expected) {
  const auto heard = read(deck, 0, deck.frames());
  ASSERT_EQ(heard.got.frames, deck.frames());
  EXPECT_EQ(heard.got.quality, StemQuality::final);
  expect_same_bits(heard.stems, expected, 0);
}

DeckPoolOptions workers(unsigned count, std::shared_ptr<const Model> provisional = nullptr) {
  DeckPoolOptions options;
  options.workers = count;
  options.provisional = std::move(provisional);
  return options;
}

std::vector<SeparatorOptions> separator_options() {
  std::vector<SeparatorOptions> all(6);
  all[1].overlap = 0.9;
  all[2].shifts = 3;
  all[2].overlap = 0.6;
  all[3].residual_to = "bass";
  all[3].shifts = 2;
  all[4].two_stems = "drums";
  all[4].other_method = OtherMethod::minus;
  all[5].stems = {"bass"};
  all[5].overlap = 0;
  return all;
}

}  // namespace

TEST(Deck, EqualsTheSeparatorToTheBitInWhateverOrder) {
  const auto model = load("ramp.onnx");
  for (const unsigned count : {1U, 3U}) {
    const DeckPool pool(model, workers(count, count == 3 ? load("short.onnx") : nullptr));
    for (const std::size_t frames : {1U, 63U, 1000U, 1001U, 9876U}) {
      for (const auto& separator : separator_options()) {
        Track track(frames);
        DeckOptions options;
        options.separator = separator;
        Deck deck(pool, track.reader(), frames, options);
        for (const std::size_t entry : {7U, 2U, 9U, 0U, 5U}) {
          deck.set_playhead(entry * frames / 10);
          std::this_thread::sleep_for(1ms);
        }
        wait_until_done(deck);
        EXPECT_EQ(deck.state().fraction, 1.0);
        expect_whole_track(deck, track.separate(model, separator));
        if (HasFatalFailure()) FAIL() << frames << " frames, overlap " << separator.overlap << ", workers " << count;
      }
    }
  }
}

TEST(Deck, SeparatesAheadOfThePlayheadThenTheRest) {
  Track track(20 * stride + 250);
  std::atomic<bool> placed{false};
  track.on_read = [&](std::size_t) {
    while (!placed) std::this_thread::yield();
  };
  Deck deck(DeckPool(load("ramp.onnx")), track.reader(), track.frames());
  deck.set_playhead(10 * stride + 500);
  placed = true;
  wait_until_done(deck);
  // Everything ahead, the last segment with audio before it to hear; then from the start.
  std::vector<std::size_t> expected{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  for (auto& entry : expected) entry *= stride;
  expected.insert(expected.begin() + 10, track.frames() - 250 - (segment - 250) / 2);
  EXPECT_EQ(track.reads_after_measuring(), expected);
}

TEST(Deck, PlansAnewAfterAJumpALoopAndForCues) {
  Track track(40 * stride + 250);
  std::atomic<Deck*> deck{nullptr};
  std::atomic<int> segments{-31};  // the reads of the measuring come first
  track.on_read = [&](std::size_t) {
    while (deck == nullptr) std::this_thread::yield();
    const int now = ++segments;
    if (now == 3) (*deck).set_playhead(30 * stride + 500);
    if (now == 6) {
      (*deck).set_loop(20 * stride + 300, 22 * stride);
      (*deck).set_playhead(21 * stride + 500);
    }
  };
  Deck opened(DeckPool(load("ramp.onnx")), track.reader(), track.frames());
  opened.set_cues({5 * stride + 300});
  deck = &opened;
  wait_until_done(opened);
  const auto reads = track.reads_after_measuring();
  const auto entry = [&](std::size_t index) {
    return std::find(reads.begin(), reads.end(), index * stride) - reads.begin();
  };
  EXPECT_EQ(entry(0), 0);
  EXPECT_EQ(entry(30), 3) << "the segment after the jump goes on elsewhere";
  EXPECT_LT(entry(21), 9);
  EXPECT_LT(entry(20), 9) << "the loop's start comes before what lies behind its end";
  EXPECT_LT(entry(20), entry(23));
  EXPECT_LT(entry(5), entry(25)) << "the cue comes before what is far ahead";
  EXPECT_LT(entry(25), entry(10));
  EXPECT_THROW(opened.set_cues({track.frames()}), Error);
}

TEST(Deck, KeepsToItsMemoryAndComputesAgain) {
  const auto model = load("ramp.onnx");
  Track track(200000);  // 3.2 MB of stems
  const auto expected = track.separate(model);
  DeckOptions options;
  options.cache_mb = 1;
  Deck deck(DeckPool(model, workers(2)), track.reader(), track.frames(), options);
  for (const std::size_t playhead : {0U, 150000U, 60000U}) {
    deck.set_playhead(playhead);
    wait_for([&] { return deck.state().final_frames >= 20000; }, "20000 frames are there");
    EXPECT_LE(deck.state().cached_bytes, std::size_t{1} << 20U);
    const auto heard = read(deck, playhead, 20000);
    EXPECT_EQ(heard.got.quality, StemQuality::final);
    EXPECT_EQ(heard.got.frames, 20000U);
    expect_same_bits(heard.stems, expected, playhead);
  }
  wait_until_done(deck);
  EXPECT_LT(deck.state().fraction, 0.4);
  EXPECT_GT(deck.state().fraction, 0.2) << "most of the memory is not used";
  EXPECT_EQ(read(deck, 199000, 10).got.frames, 0U);
}

TEST(Deck, TheSpillFileSavesComputingAgain) {
  const auto model = load("ramp.onnx");
  const auto folder = std::filesystem::path(testing::TempDir()) / "deck_spill";
  std::filesystem::create_directories(folder);
  Track track(200000);
  for (const auto storage : {StemStorage::exact, StemStorage::compact}) {
    DeckOptions options;
    options.cache_mb = 1;
    options.spill_folder = folder;
    options.storage = storage;
    Deck deck(DeckPool(model), track.reader(), track.frames(), options);
    wait_until_done(deck);
    EXPECT_EQ(deck.state().fraction, 1.0);
    EXPECT_GT(deck.state().spilled_bytes, 0U);
    EXPECT_LE(deck.state().cached_bytes, std::size_t{1} << 20U);
    const auto segments = deck.state().segments;
    EXPECT_EQ(segments, (track.frames() + stride - 1) / stride);
    const auto expected = track.separate(model);
    for (const std::size_t playhead : {180000U, 100000U, 0U}) {
      deck.set_playhead(playhead);
      wait_for([&] { return deck.state().final_frames >= 20000; }, "20000 frames are there");
      const auto heard = read(deck, playhead, 20000);
      ASSERT_EQ(heard.got.frames, 20000U);
      if (storage == StemStorage::exact) {
        expect_same_bits(heard.stems, expected, playhead);
      } else {
        for (std::size_t i = 0; i < 20000; ++i) ASSERT_NEAR(heard.stems[1][i], expected[1][playhead + i], 5e-5);
      }
    }
    EXPECT_EQ(deck.state().segments, segments) << "something was computed again";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

namespace {

/// A deck as the pool has it, with a spill file of the test's choice.
class OpenDeck {
 public:
  OpenDeck(DeckWorkers& pool, Track& track, std::unique_ptr<SpillFile> file = nullptr)
      : engine(ModelAtRate(pool.shared_model(), 0), nullptr, pool.options().workers, track.reader(), track.frames(),
               small_cache(), std::move(file)),
        pool_(pool) {
    pool_.open(engine);
  }
  ~OpenDeck() { pool_.close(engine); }

  DeckEngine engine;

 private:
  static DeckOptions small_cache() {
    DeckOptions options;
    options.cache_mb = 1;
    return options;
  }

  DeckWorkers& pool_;
};

}  // namespace

TEST(Deck, ADiskThatStallsHoldsUpOnlyItsOwnDeck) {
  const auto model = load("ramp.onnx");
  DeckWorkers pool(model, workers(1));  // not even if there is but one
  Track large(200000);
  Track small(20000);
  const auto expected = large.separate(model);
  const auto expected_of_small = small.separate(model);
  Gate writing;
  Gate reading;
  writing.close();
  OpenDeck stalled(pool, large, std::make_unique<HeldSpillFile>(writing, reading));
  const auto expect_all_else_goes_on = [&](std::size_t there) {
    OpenDeck other(pool, small);
    wait_until_done(other.engine);
    expect_whole_track(other.engine, expected_of_small);
    stalled.engine.set_cues({there});
    EXPECT_EQ(stalled.engine.state().stage, DeckStage::separating);
    EXPECT_LE(stalled.engine.state().cached_bytes, std::size_t{1} << 20U);
    const auto heard = read(stalled.engine, there, 1000);
    EXPECT_EQ(heard.got.frames, 1000U);
    EXPECT_EQ(heard.got.quality, StemQuality::final);
    expect_same_bits(heard.stems, expected, there);
  };
  writing.wait_for_somebody();
  expect_all_else_goes_on(0);
  EXPECT_EQ(stalled.engine.state().spilled_bytes, 0U);
  writing.open();
  wait_until_done(stalled.engine);
  EXPECT_EQ(stalled.engine.state().fraction, 1.0);

  const auto segments = stalled.engine.state().segments;
  reading.close();
  stalled.engine.position().set_playhead(180000);
  reading.wait_for_somebody();
  expect_all_else_goes_on(1000);
  EXPECT_EQ(stalled.engine.state().final_frames, 0U);
  reading.open();
  wait_for([&] { return stalled.engine.state().final_frames >= 20000; }, "20000 frames are there");
  const auto heard = read(stalled.engine, 180000, 20000);
  ASSERT_EQ(heard.got.frames, 20000U);
  expect_same_bits(heard.stems, expected, 180000);
  EXPECT_EQ(stalled.engine.state().segments, segments) << "something was computed again";
}

TEST(Deck, ComputesAgainWhatABrokenDiskHasLost) {
  struct BrokenFile : SpillFile {
    BrokenFile() : SpillFile(testing::TempDir()) {}
    void get(std::size_t, std::initializer_list<std::span<std::byte>>) override {
      throw Error(Status::runtime_failed, "the disk is gone");
    }
  };
  const auto model = load("ramp.onnx");
  DeckWorkers pool(model, workers(2));
  Track track(200000);
  OpenDeck deck(pool, track, std::make_unique<BrokenFile>());
  wait_until_done(deck.engine);
  EXPECT_EQ(deck.engine.state().fraction, 1.0);
  deck.engine.position().set_playhead(180000);
  wait_for([&] { return deck.engine.state().final_frames >= 20000; }, "20000 frames are there");
  expect_same_bits(read(deck.engine, 180000, 20000).stems, track.separate(model), 180000);
  wait_until_done(deck.engine);
  EXPECT_LT(deck.engine.state().fraction, 1.0);
  EXPECT_EQ(deck.engine.state().spilled_bytes, 0U);
  EXPECT_EQ(deck.engine.state().message, "the disk is gone; stems that do not fit the cache are computed again");
  EXPECT_FALSE(deck.engine.state().error);
}

TEST(Deck, TheDeckThatWouldRunDryFirstIsServedFirst) {
  const DeckPool pool(load("slow.onnx"));
  Track first(400 * stride);
  Track second(40 * stride);
  std::mutex mutex;  // guards
  std::string reads;
  const auto note = [&](char who) {
    const std::lock_guard lock(mutex);
    reads += who;
  };
  first.on_read = [&](std::size_t) { note('a'); };
  second.on_read = [&](std::size_t) { note('l'); };
  {
    const Deck ahead(pool, first.reader(), first.frames());
    wait_for([&] { return ahead.state().segments > 5; }, "the first deck is ahead");
    const Deck late(pool, second.reader(), second.frames());
    wait_for([&] { return late.state().segments > 5; }, "the second deck has stems");
  }
  // The pool's one thread reads a late deck's track to measure it, and then once a segment.
  const auto others_before_the_late_decks = [&](std::size_t read) {
    std::size_t begin = reads.find('l'), end = begin;
    for (std::size_t i = 0; i < read; ++i) end = reads.find('l', end + 1);
    return std::count(reads.begin() + static_cast<std::ptrdiff_t>(begin),
                      reads.begin() + static_cast<std::ptrdiff_t>(end), 'a');
  };
  const std::size_t measuring = 40 * stride / segment;
  EXPECT_LE(others_before_the_late_decks(measuring), 3) << reads;
  EXPECT_LE(others_before_the_late_decks(measuring + 5), 5) << reads;
}

TEST(Deck, ProvisionalStemsComeFirstAndGiveWayToFinalOnes) {
  const auto model = load("heavy.onnx");
  Track track(10 * stride);
  DeckPoolOptions with_short = workers(1, load("short.onnx"));
  Deck deck(DeckPool(model, with_short), track.reader(), track.frames());
  deck.set_playhead(5 * stride);
  wait_for([&] { return deck.state().ready_frames > 0; }, "there is something");
  const auto provisional = read(deck, 5 * stride, 50);
  EXPECT_EQ(provisional.got.frames, 50U);
  EXPECT_EQ(provisional.got.quality, StemQuality::provisional);
  EXPECT_EQ(deck.state().final_frames, 0U);
  EXPECT_EQ(deck.state().segments, 0U);
  wait_until_done(deck);
  EXPECT_GT(deck.state().provisional, 0U);
  expect_whole_track(deck, track.separate(model));
}

TEST(Deck, AProvisionalRunStaysUrgentWhileThePlayheadMovesThroughItsWindow) {
  Track track(20 * stride);
  const ModelAtRate window(load("short.onnx"), 0);
  DeckEngine deck(ModelAtRate(load("ramp.onnx"), 0), &window, 1, track.reader(), track.frames(), {}, nullptr);
  deck.position().set_playhead(5000);
  const auto job = deck.next(segment);
  ASSERT_TRUE(job && job->kind == DeckJob::Kind::provisional);
  deck.begin(*job);
  deck.position().set_playhead(5200);
  const auto other = deck.next(segment);
  ASSERT_TRUE(other && other->kind == DeckJob::Kind::measure);
  EXPECT_EQ(deck.deadline(*job), 0U) << "the playhead is inside the window that is being computed";
  deck.position().set_playhead(10000);
  deck.next(segment);
  EXPECT_GT(deck.deadline(*job), 5000U) << "the playhead has jumped out of it";
}

TEST(Deck, ARunningJobIsAsUrgentAsWhenItWasChosen) {
  Track track(40 * stride);
  const ModelAtRate window(load("short.onnx"), 0);
  DeckEngine deck(ModelAtRate(load("ramp.onnx"), 0), &window, 1, track.reader(), track.frames(), {}, nullptr);
  DeckBuffers main(load("ramp.onnx"), DeckBuffers::Kind::on_grid);
  DeckBuffers provisional(load("short.onnx"), DeckBuffers::Kind::anywhere);
  for (std::size_t jobs = 0; jobs < 100; ++jobs) {
    const auto job = deck.next(segment);
    ASSERT_TRUE(job);
    deck.begin(*job);
    if (job->kind != DeckJob::Kind::measure) {
      EXPECT_EQ(deck.deadline(*job), job->deadline) << "else workers would interrupt it and choose it again, for ever";
    }
    if (job->kind == DeckJob::Kind::segment) return;
    deck.perform(*job, main, &provisional, {});
    deck.end(*job);
  }
  FAIL() << "no segment in 100 jobs";
}

TEST(Deck, AUrgentDeckInterruptsARunThatCanWait) {
  const DeckPool pool(load("glacial.onnx"), workers(1, load("short.onnx")));
  Track first(100 * stride);
  Deck busy(pool, first.reader(), first.frames());
  wait_for([&] { return busy.state().ready_frames > 400; }, "the first deck has provisional stems");
  std::this_thread::sleep_for(100ms);
  Track second(100 * stride);
  Deck urgent(pool, second.reader(), second.frames());
  wait_for([&] { return urgent.state().ready_frames > 0; }, "the second deck has provisional stems");
  EXPECT_GT(pool.preempted(), 0U);
}

TEST(Deck, ClosingADeckInterruptsItsRun) {
  const DeckPool pool(load("endless.onnx"));
  Track track(100 * stride);
  auto deck = std::make_unique<Deck>(pool, track.reader(), track.frames());
  wait_for([&] { return !track.reads_after_measuring().empty(); }, "a segment is being computed");
  std::this_thread::sleep_for(50ms);
  deck.reset();  // would not return
}

TEST(Deck, FailuresReachTheHostThroughTheState) {
  const DeckPool pool(load("gains.onnx"));
  const auto failure = [&](const Read& broken) {
    Deck deck(pool, broken, 5000);
    wait_for([&] { return deck.state().stage == DeckStage::failed; }, "the deck fails");
    EXPECT_EQ(deck.state().error, Status::bad_audio);
    EXPECT_EQ(read(deck, 0, 10).got.frames, 0U);
    return deck.state().message;
  };
  const auto throws = [](std::size_t, std::size_t, float* const*) -> std::size_t {
    throw std::runtime_error("the disk is gone");
  };
  EXPECT_NE(failure(throws).find("the disk is gone"), std::string::npos);
  Track shorter(3000);
  EXPECT_NE(failure([&, whole = shorter.reader()](std::size_t first, std::size_t frames, float* const* out) {
              return first > 3000 ? 0 : whole(first, frames, out);
            }).find("as long as was said"),
            std::string::npos);
  EXPECT_NE(failure([](std::size_t, std::size_t frames, float* const* out) {
              std::fill_n(out[0], frames, std::nanf(""));
              std::fill_n(out[1], frames, 0.0F);
              return frames;
            }).find("not a finite number"),
            std::string::npos);
  Track fine(5000);
  Deck deck(pool, fine.reader(), 5000);
  wait_until_done(deck);
}

TEST(Deck, RefusesWhatCannotWork) {
  const auto status = [](const std::function<void()>& work, const char* expected) {
    try {
      work();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
      return error.status();
    }
    ADD_FAILURE() << "accepted: " << expected;
    return Status::cancelled;
  };
  const auto model = load("gains.onnx", 2);
  EXPECT_EQ(status([&] { DeckPool(nullptr); }, "model"), Status::invalid_argument);
  EXPECT_EQ(status([&] { DeckPool(model, workers(0)); }, "1 to 64"), Status::invalid_argument);
  EXPECT_EQ(status([&] { DeckPool(model, workers(3)); }, "loaded for 2"), Status::invalid_argument);
  EXPECT_EQ(status([&] { DeckPool(model, workers(2, load("short.onnx", 1))); }, "provisional model was loaded"),
            Status::invalid_argument);
  EXPECT_EQ(status([&] { DeckPool(load("short.onnx"), workers(1, model)); }, "shorter window"),
            Status::invalid_argument);
  EXPECT_EQ(status([&] { DeckPool(model, workers(1, load("other.onnx"))); }, "not the same"), Status::invalid_argument);

  const DeckPool pool(model);
  Track track(100000);
  const auto open = [&](const std::function<void(DeckOptions&)>& edit, std::size_t frames = 100000) {
    DeckOptions options;
    edit(options);
    Deck(pool, track.reader(), frames, options);
  };
  EXPECT_EQ(status([&] { open([](auto& o) { o.cache_mb = 0; }); }, "at least 1"), Status::invalid_argument);
  EXPECT_EQ(status([&] { open([](auto&) {}, 0); }, "empty"), Status::bad_audio);
  EXPECT_EQ(status([&] { open([](auto&) {}, ~std::size_t{0}); }, "absurd"), Status::invalid_argument);
  EXPECT_EQ(status([&] { open([](auto& o) { o.spill_folder = "/nowhere/at/all"; }); }, "/nowhere"),
            Status::invalid_argument);
  EXPECT_EQ(status([&] { open([](auto& o) { o.separator.stems = {"piano"}; }); }, "piano"), Status::invalid_argument);
  EXPECT_EQ(status([&] { Deck(pool, {}, 100); }, "callback"), Status::invalid_argument);
}

TEST(Deck, ModelsAreWarmedBeforeAnyDeck) {
  const DeckPool pool(load("slow.onnx"), workers(1, load("short.onnx")));
  wait_for([&] { return pool.warm(); }, "the models are warm");
  DeckPoolOptions cold;
  cold.warm = false;
  EXPECT_TRUE(DeckPool(load("slow.onnx"), cold).warm()) << "nothing to wait for";
}
