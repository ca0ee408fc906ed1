// Hosts at rates of their own, with a model that is linear: what is heard then tells what converting does to audio.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <numbers>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"
#include "rate/resampler.hpp"
#include "status_of.hpp"

using namespace demucs_ort;
using namespace std::chrono_literals;

namespace {

using Row = std::vector<float>;

constexpr std::size_t channels = 2;
constexpr std::size_t stem_count = 2;

/// Both stems are half of the mix. "short_1s.onnx" or "long.onnx", whose segment is htdemucs'.
std::shared_ptr<const Model> halves(const char* name = "short_1s.onnx") {
  ModelOptions options;
  options.threads = 1;
  return Model::load(std::filesystem::path(TEST_MODELS) / name, options);
}

/// Stems of a track whose second channel is silent; the first channel's are returned, added up, without the mean of the
/// mono mix that demucs adds to every stem, so once too often.
Row separate(const std::shared_ptr<const Model>& model, const Row& mix, int sample_rate) {
  SeparatorOptions options;
  options.sample_rate = sample_rate;
  Separator separator(model, options);
  const Row silence(mix.size());
  const float* in[channels] = {mix.data(), silence.data()};
  std::vector<Row> rows(stem_count * channels, Row(mix.size()));
  float* first[channels] = {rows[0].data(), rows[1].data()};
  float* second[channels] = {rows[2].data(), rows[3].data()};
  float* const* stems[stem_count] = {first, second};
  separator.separate(in, mix.size(), stems);
  const double mean = std::accumulate(mix.begin(), mix.end(), 0.0) / static_cast<double>(channels * mix.size());
  Row sum(mix.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = rows[0][i] + rows[2][i] - static_cast<float>(mean);
  return sum;
}

Row tone(std::size_t frames, double hertz, int sample_rate) {
  Row row(frames);
  for (std::size_t i = 0; i < frames; ++i) {
    row[i] = static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / sample_rate));
  }
  return row;
}

double decibels(double share) { return 20 * std::log10(share + 1e-12); }

/// A tone's level in the middle of a row, and that of all else there, both in dB below the tone that `tone` makes.
struct Heard {
  double tone;
  double rest;
};
Heard listen(const Row& row, double hertz, int sample_rate) {
  const std::size_t first = row.size() / 4;
  const std::size_t count = row.size() / 2;
  // Blackman and Harris's window with four terms: what lies beside the tone leaks by less than -92 dB, its own sides
  // are taken off with it.
  std::vector<double> window(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double t = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(count);
    window[i] = 0.35875 - 0.48829 * std::cos(t) + 0.14128 * std::cos(2 * t) - 0.01168 * std::cos(3 * t);
  }
  const auto turn = [&](std::size_t i) {
    return std::polar(1.0, 2 * std::numbers::pi * hertz * static_cast<double>(first + i) / sample_rate);
  };
  std::complex<double> found = 0;
  double weight = 0;
  for (std::size_t i = 0; i < count; ++i) {
    found += window[i] * static_cast<double>(row[first + i]) * std::conj(turn(i));
    weight += window[i];
  }
  found *= 2 / weight;
  double rest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double left = static_cast<double>(row[first + i]) - (found * turn(i)).real();
    rest += window[i] * left * left;
  }
  return {decibels(std::abs(found) / 0.5), decibels(std::sqrt(2 * rest / weight) / 0.5)};
}

class AtRate : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!can_resample()) GTEST_SKIP() << "built without soxr";
  }
  int rate() const { return GetParam(); }
  std::size_t seconds(double count) const { return static_cast<std::size_t>(count * rate()); }
  /// The highest frequency that both rates and the 20 kHz have room for.
  double highest() const { return std::min(20'000.0, 0.45 * std::min(rate(), 44'100)); }

  std::shared_ptr<const Model> model_ = halves();
};

TEST_P(AtRate, AClickStaysWhereItIs) {
  const std::size_t frames = seconds(2.5) + 7;
  for (const std::size_t at : {std::size_t{0}, std::size_t{5}, seconds(0.75), seconds(1), seconds(1.3), frames - 1}) {
    Row mix(frames);
    mix[at] = 1;
    const Row heard = separate(model_, mix, rate());
    ASSERT_EQ(heard.size(), frames);
    const auto loudest = std::max_element(heard.begin(), heard.end(), [](float a, float b) { return a < b; });
    EXPECT_EQ(static_cast<std::size_t>(loudest - heard.begin()), at);
    if (at < seconds(0.1) || at + seconds(0.1) > frames) continue;  // part of the ringing lies outside the track
    // Linear phase: as much before as after. Of a segment that ends just before the click the ringing is missing, which
    // in segments of one second weighs 2e-4 of the click; in those of htdemucs it is a tenth.
    for (std::size_t i = 1; i <= 20; ++i) EXPECT_NEAR(heard[at - i], heard[at + i], 3e-4) << at << " - " << i;
  }
}

TEST_P(AtRate, ThePassbandIsFlatAndClean) {
  const auto model = halves("long.onnx");
  for (const double hertz : {50.0, 0.5 * highest(), highest()}) {
    // In the middle half of 10 seconds a segment ends and two are blended.
    const Heard heard = listen(separate(model, tone(seconds(10), hertz, rate()), rate()), hertz, rate());
    EXPECT_NEAR(heard.tone, 0, 0.05) << hertz << " Hz";
    EXPECT_LT(heard.rest, -100) << "beside " << hertz << " Hz: aliases, images and noise";
  }
}

TEST_P(AtRate, WhatTheModelCannotHearDoesNotFoldBack) {
  for (const double hertz : {22'200.0, 23'900.0, 30'000.0, 43'000.0, 47'000.0, 90'000.0}) {
    if (hertz > 0.499 * rate()) continue;
    const Row heard = separate(model_, tone(seconds(2.5), hertz, rate()), rate());
    EXPECT_LT(listen(heard, hertz, rate()).rest, -100) << hertz << " Hz";
  }
}

TEST_P(AtRate, ADeckGivesTheSeparatorsStemsToTheBit) {
  const std::size_t frames = seconds(2.5) + 7;
  Row mix = tone(frames, 440, rate());
  mix.back() = 0.7F;
  const Row silence(frames);
  DeckOptions options;
  options.separator.sample_rate = rate();
  const auto read = [&](std::size_t first, std::size_t count, float* const* out) {
    const std::size_t got = std::min(count, frames - first);
    std::copy_n(mix.data() + first, got, out[0]);
    std::copy_n(silence.data() + first, got, out[1]);
    return got;
  };
  Deck deck(DeckPool(model_), read, frames, options);
  deck.set_playhead(seconds(1.7));
  while (deck.state().stage != DeckStage::done) {
    ASSERT_NE(deck.state().stage, DeckStage::failed) << deck.state().message;
    std::this_thread::sleep_for(5ms);
  }
  // Interleaved: [frame][stem][channel].
  Row stems(frames * stem_count * channels);
  float* first[channels] = {stems.data(), stems.data() + 1};
  float* second[channels] = {stems.data() + 2, stems.data() + 3};
  float* const* out[stem_count] = {first, second};
  EXPECT_EQ(deck.read(0, frames, out, stem_count * channels).frames, frames);
  SeparatorOptions same;
  same.sample_rate = rate();
  std::vector<Row> rows(stem_count * channels, Row(frames));
  float* one[channels] = {rows[0].data(), rows[1].data()};
  float* other[channels] = {rows[2].data(), rows[3].data()};
  float* const* whole[stem_count] = {one, other};
  const float* in[channels] = {mix.data(), silence.data()};
  Separator(model_, same).separate(in, frames, whole);
  for (std::size_t i = 0; i < frames; ++i) {
    for (std::size_t row = 0; row < rows.size(); ++row) ASSERT_EQ(stems[4 * i + row], rows[row][i]) << "frame " << i;
  }
}

TEST_P(AtRate, AStreamIsAsLateAsItSays) {
  StreamOptions options;
  options.hop = 0.1;
  options.lookahead = 0;
  options.crossfade = 0.02;
  options.compute_time = 0.05;
  options.sample_rate = rate();
  Stream stream(model_, options);
  const auto own =
      static_cast<std::size_t>(std::lround(0.1 * rate()) + std::lround(0.02 * rate()) + std::lround(0.05 * rate()));
  const auto above = static_cast<std::size_t>(std::max(rate(), 44'100));
  const std::size_t blurred = rate() == 44'100 ? 0 : 2 * resampler_reach * above / 44'100;
  EXPECT_EQ(stream.latency_frames(), own + blurred);
  EXPECT_EQ(Stream::latency_of(options), own + blurred);

  const std::size_t frames = seconds(1.5);
  const auto render = [&](const Row& mix) {
    const Row silence(frames);
    const float* in[channels] = {mix.data(), silence.data()};
    std::vector<Row> rows(stem_count * channels, Row(frames));
    float* first[channels] = {rows[0].data(), rows[1].data()};
    float* second[channels] = {rows[2].data(), rows[3].data()};
    float* const* out[stem_count] = {first, second};
    stream.reset();
    stream.render(in, out, frames);
    EXPECT_EQ(stream.underruns(), 0U);
    return Row(rows[0].begin() + static_cast<std::ptrdiff_t>(stream.latency_frames()), rows[0].end());
  };
  Row click(frames);
  click[seconds(0.55)] = 1;
  const Row late = render(click);
  EXPECT_EQ(static_cast<std::size_t>(std::max_element(late.begin(), late.end()) - late.begin()), seconds(0.55));
  // The first window begins with silence and the tone not at its zero, which no resampler can follow at once.
  const Row mix = tone(frames, 0.3 * std::min(rate(), 44'100), rate());
  const Row stem = render(mix);
  for (std::size_t i = seconds(0.1); i < stem.size(); ++i) ASSERT_NEAR(stem[i], 0.5F * mix[i], 2e-5) << "frame " << i;
}

INSTANTIATE_TEST_SUITE_P(Rates, AtRate,
                         testing::Values(8000, 11'025, 16'000, 22'050, 32'000, 44'099, 44'100, 48'000, 88'200, 96'000,
                                         176'400, 192'000),
                         [](const auto& rate) { return std::to_string(rate.param); });

TEST(SampleRates, OutOfRangeAreRefusedByAll) {
  const auto model = halves();
  for (const int rate : {-1, 1, 7999, 192'001, 2'000'000'000}) {
    SeparatorOptions separator;
    separator.sample_rate = rate;
    StreamOptions stream;
    stream.sample_rate = rate;
    DeckOptions deck;
    deck.separator.sample_rate = rate;
    const auto none = [](std::size_t, std::size_t, float* const*) { return std::size_t{0}; };
    EXPECT_EQ(status_of([&] { Separator(model, separator); }), Status::invalid_argument);
    EXPECT_EQ(status_of([&] { Stream(model, stream); }), Status::invalid_argument);
    EXPECT_EQ(status_of([&] { Stream::recommend(model, stream); }), Status::invalid_argument);
    EXPECT_EQ(status_of([&] { Stream::latency_of(stream); }), Status::invalid_argument);
    EXPECT_EQ(status_of([&] { Deck(DeckPool(model), none, 1, deck); }), Status::invalid_argument);
  }
}

TEST(Strides, InterleavedAudioGivesTheSameStems) {
  const auto model = halves();
  constexpr std::size_t frames = 100'000;
  const Row left = tone(frames, 440, 44'100);
  const Row right = tone(frames, 660, 44'100);
  Row mix(channels * frames);
  for (std::size_t i = 0; i < frames; ++i) {
    mix[2 * i] = left[i];
    mix[2 * i + 1] = right[i];
  }
  const float* planar[channels] = {left.data(), right.data()};
  const float* interleaved[channels] = {mix.data(), mix.data() + 1};
  std::vector<Row> rows(stem_count * channels, Row(frames));
  float* first[channels] = {rows[0].data(), rows[1].data()};
  float* second[channels] = {rows[2].data(), rows[3].data()};
  float* const* out[stem_count] = {first, second};
  // [frame][stem][channel], as a host's file of four channels.
  Row frames_of_all(frames * 4);
  float* first_of_all[channels] = {frames_of_all.data(), frames_of_all.data() + 1};
  float* second_of_all[channels] = {frames_of_all.data() + 2, frames_of_all.data() + 3};
  float* const* all[stem_count] = {first_of_all, second_of_all};
  const auto expect_the_same = [&](const char* whose) {
    for (std::size_t i = 0; i < frames; ++i) {
      for (std::size_t row = 0; row < rows.size(); ++row) {
        ASSERT_EQ(frames_of_all[4 * i + row], rows[row][i]) << whose << ", frame " << i;
      }
    }
    std::fill(frames_of_all.begin(), frames_of_all.end(), 0.0F);
  };

  Separator separator(model);
  separator.separate(planar, frames, out);
  separator.separate(interleaved, frames, all, {}, {}, {2, 4});
  expect_the_same("Separator");
  EXPECT_EQ(status_of([&] { separator.separate(planar, frames, out, {}, {}, {0, 1}); }), Status::invalid_argument);
  EXPECT_EQ(status_of([&] { separator.separate(planar, frames, out, {}, {}, {1, 0}); }), Status::invalid_argument);

  StreamOptions options;
  options.hop = 0.1;
  options.lookahead = 0.1;
  Stream stream(model, options);
  stream.render(planar, out, frames);
  stream.reset();
  stream.render(interleaved, all, frames, {2, 4});
  expect_the_same("Stream");
}

}  // namespace
