// Four decks under an audio thread that aborts the process when it allocates, locks or calls the system.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "audio_thread_guard.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "rate/resampler.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t block = 64;
constexpr std::size_t frames = 60000;

std::shared_ptr<const Model> load(const char* name) {
  ModelOptions options;
  options.max_concurrent_runs = 2;
  options.threads = 1;
  return Model::load(std::filesystem::path(TEST_MODELS) / name, options);
}

std::size_t sine(std::size_t first, std::size_t count, float* const* out) {
  for (std::size_t i = 0; i < count; ++i) {
    out[0][i] = out[1][i] = std::sin(static_cast<float>(first + i) * 0.01F);
  }
  return count;
}

/// How often the decks are read: a few seconds for every day; DEMUCS_ORT_REALTIME_TEST_SECONDS asks for minutes.
int rounds_to_play() {
  const char* seconds = std::getenv("DEMUCS_ORT_REALTIME_TEST_SECONDS");
  return 3000 * (seconds == nullptr ? 4 : std::atoi(seconds));
}

struct Played {
  std::size_t missing = 0;
  std::size_t provisional = 0;
  std::size_t final = 0;
  bool finite = true;
};

Played play(std::vector<Deck>& decks) {
  Played played;
  std::minstd_rand random(1);
  std::vector<float> samples(4 * block);
  float* rows[] = {samples.data(), samples.data() + block, samples.data() + 2 * block, samples.data() + 3 * block};
  float* const* stems[] = {rows, rows + 2};
  std::vector<std::size_t> playheads(decks.size());
  // On a machine with other things to do, until every kind of block was read.
  const auto last = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  const auto waits = [&] {
    return (played.provisional == 0 || played.final == 0) && std::chrono::steady_clock::now() < last;
  };
  for (int round = 0; round < rounds_to_play() || waits(); ++round) {
    {
      const AudioThreadGuard guard;
      for (std::size_t d = 0; d < decks.size(); ++d) {
        std::size_t& playhead = playheads[d];
        if (random() % 1000 == 0) playhead = random() % frames;
        if (random() % 1000 == 0) decks[d].set_loop(playhead, playhead + random() % 5000);
        if (playhead >= frames) playhead = 0;
        decks[d].set_playhead(playhead);
        const auto got = decks[d].read(playhead, block, stems);
        if (got.quality == StemQuality::none) ++played.missing;
        if (got.quality == StemQuality::provisional) ++played.provisional;
        if (got.quality == StemQuality::final) ++played.final;
        for (std::size_t i = 0; i < got.frames; ++i) played.finite = played.finite && std::isfinite(rows[3][i]);
        playhead += block;
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return played;
}

}  // namespace

TEST(DeckRealTime, FourDecksWithSeeksLoopsAndASlowModel) {
  DeckPoolOptions options;
  options.workers = 2;
  options.provisional = load("short.onnx");
  const DeckPool pool(load("heavy.onnx"), options);
  std::vector<Deck> decks;
  for (int i = 0; i < 4; ++i) {
    DeckOptions deck;
    deck.cache_mb = 1;  // too little for the track: blocks go while they are read
    deck.storage = i % 2 == 0 ? StemStorage::exact : StemStorage::compact;
    if (i == 1 && can_resample()) deck.separator.sample_rate = 88'200;
    if (i == 3) deck.spill_folder = testing::TempDir();
    decks.emplace_back(pool, sine, frames, deck);
  }
  Played played;
  std::thread audio([&] { played = play(decks); });
  audio.join();
  EXPECT_TRUE(played.finite);
  EXPECT_GT(played.provisional, 0U);
  EXPECT_GT(played.final, 0U);
  for (const Deck& deck : decks) EXPECT_FALSE(deck.state().error) << deck.state().message;
}
