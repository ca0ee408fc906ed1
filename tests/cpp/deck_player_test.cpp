// The audio thread of demucs_ort_live.
#include "deck_player.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include "audio_thread_guard.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "desk.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t frames = 30000;

/// Of which the mean, that demucs adds to every stem, is 0.
std::vector<std::vector<float>> make_mix() {
  std::vector<std::vector<float>> mix(2);
  for (std::size_t i = 0; i < frames; ++i) {
    mix[0].push_back(std::sin(static_cast<float>(i) * 0.05F));
    mix[1].push_back(-mix[0].back());
  }
  return mix;
}

/// A deck of a model that gives 0.75 and 0.25 of the mix, and its player.
struct Fixture {
  void await_done() const {
    for (int i = 0; i < 2000 && deck.state().stage != DeckStage::done; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_EQ(deck.state().stage, DeckStage::done);
  }
  std::vector<float> play(std::size_t count) {
    std::vector<float> out(2 * count, 9.0F);
    player.callback(out.data(), count);
    return out;
  }

  std::vector<std::vector<float>> mix = make_mix();  // before the deck, which reads it at once
  DeckPool workers{Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx")};
  Deck deck{workers,
            [this](std::size_t first, std::size_t count, float* const* out) {
              for (std::size_t c = 0; c < 2; ++c) std::copy_n(mix[c].data() + first, count, out[c]);
              return count;
            },
            frames};
  DeckPlayer player{deck, mix};
  Desk desk{player, 2};
};

void expect_share(const Fixture& fixture, const std::vector<float>& out, std::size_t first, float share) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    ASSERT_NEAR(out[i], share * fixture.mix[i % 2][first + i / 2], 1e-4F) << "frame " << first + i / 2;
  }
}

}  // namespace

TEST(DeckPlayer, MixesWhatIsAudible) {
  Fixture fixture;
  fixture.await_done();
  expect_share(fixture, fixture.play(3000), 0, 1.0F);
  EXPECT_EQ(fixture.player.position(), 3000U);
  EXPECT_EQ(fixture.player.missing(), 0U);
  EXPECT_NEAR(fixture.player.take_peak(0), 0.75F, 1e-3F);
  EXPECT_NEAR(fixture.player.take_peak(1), 0.25F, 1e-3F);
  EXPECT_EQ(fixture.player.take_peak(1), 0.0F);

  fixture.desk.mute(1);
  fixture.play(500);  // fades
  expect_share(fixture, fixture.play(2000), 3500, 0.75F);
  EXPECT_NEAR(fixture.player.take_peak(1), 0.25F, 1e-3F) << "the meter shows what is muted, too";
  fixture.desk.solo(1);  // solo wins over muted
  fixture.play(500);
  expect_share(fixture, fixture.play(2000), 6000, 0.25F);
  fixture.desk.solo(1);
  fixture.desk.mute(1);
  fixture.desk.mute(7);  // there is none
  fixture.play(500);
  expect_share(fixture, fixture.play(2000), 8500, 1.0F);
}

TEST(DeckPlayer, MutingFadesInsteadOfClicking) {
  Fixture fixture;
  fixture.await_done();
  fixture.play(1000);
  fixture.desk.mute(0);
  const auto out = fixture.play(1000);
  // A frame after the mute nearly all is still there, at the end of the block next to nothing.
  EXPECT_NEAR(out[0], 0.99925F * fixture.mix[0][1000], 1e-4F);
  EXPECT_NEAR(out[1999], 0.25F * fixture.mix[1][1999], 1e-4F);
}

TEST(DeckPlayer, SeeksPausesAndEnds) {
  Fixture fixture;
  fixture.await_done();
  fixture.player.seek(2000);
  EXPECT_EQ(fixture.player.destination(), 2000U) << "quick presses of a key add up before the audio thread follows";
  fixture.player.seek(frames - 700);
  const auto out = fixture.play(1000);
  expect_share(fixture, {out.begin(), out.begin() + 1400}, frames - 700, 1.0F);
  for (std::size_t i = 1400; i < 2000; ++i) ASSERT_EQ(out[i], 0.0F);
  EXPECT_TRUE(fixture.player.at_end());
  fixture.player.seek(frames + 5);
  fixture.play(10);
  EXPECT_EQ(fixture.player.position(), frames);
  fixture.player.seek(100);
  fixture.player.play(false);
  for (const float sample : fixture.play(600)) ASSERT_EQ(sample, 0.0F);
  EXPECT_EQ(fixture.player.position(), 100U);
  fixture.player.play(true);
  expect_share(fixture, fixture.play(600), 100, 1.0F);
}

TEST(DeckPlayer, PlaysTheMixUntilThereAreStemsUnlessOneIsMuted) {
  std::vector<std::vector<float>> mix(2, std::vector<float>(frames, 0.5F));
  const DeckPool workers(Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx"));
  std::atomic<bool> open{false};
  Deck deck(
      workers,
      [&](std::size_t, std::size_t count, float* const* out) {
        while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        for (std::size_t c = 0; c < 2; ++c) std::fill_n(out[c], count, 0.5F);
        return count;
      },
      frames);
  DeckPlayer player(deck, mix);
  std::vector<float> out(2000);
  player.callback(out.data(), 1000);
  for (const float sample : out) ASSERT_EQ(sample, 0.5F);
  player.set_audible(0, false);
  player.callback(out.data(), 1000);
  for (const float sample : out) ASSERT_EQ(sample, 0.0F);
  EXPECT_EQ(player.missing(), 2000U);
  EXPECT_EQ(player.quality(), StemQuality::none);
  open = true;
}

TEST(DeckPlayer, OnlyComputesOnTheAudioThread) {
  Fixture fixture;
  std::atomic<bool> stop{false};
  bool finite = true;
  std::thread audio([&] {
    std::vector<float> out(2 * 1500);
    std::minstd_rand random(3);
    while (!stop) {
      {
        const AudioThreadGuard guard;
        const std::size_t count = random() % 1500;
        fixture.player.callback(out.data(), count);
        for (const float sample : out) finite = finite && std::isfinite(sample);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  std::minstd_rand random(4);
  for (int i = 0; i < 400; ++i) {
    fixture.player.seek(random() % frames);
    fixture.desk.mute(random() % 2);
    fixture.desk.solo(random() % 2);
    fixture.player.play(random() % 4 != 0);
    fixture.player.take_peak(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  stop = true;
  audio.join();
  EXPECT_TRUE(finite);
}
