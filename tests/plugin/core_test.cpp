#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/latency_profile.hpp"
#include "core/mix_delay.hpp"
#include "core/model_file.hpp"
#include "core/shared_model.hpp"
#include "core/stem_mixer.hpp"
#include "core/stem_source.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"

namespace demucs_ort::plugin {
namespace {

namespace fs = std::filesystem;

const std::string band = std::string(TEST_MODELS) + "/band_2s.onnx";
constexpr std::array<float, 4> band_gains{0.25F, 0.25F, 0.375F, 0.125F};  // what band_2s makes of the mix

/// Two channels of something that repeats nowhere in a test.
struct Mix {
  std::array<std::vector<float>, 2> channels;
  explicit Mix(std::size_t frames) {
    for (std::size_t i = 0; i < frames; ++i) {
      const double t = static_cast<double>(i);
      channels[0].push_back(static_cast<float>(0.5 * std::sin(t * t * 1e-6) + 0.1 * std::sin(t * 0.3)));
      channels[1].push_back(static_cast<float>(0.4 * std::cos(t * t * 2e-6)));
    }
  }
};

/// Four stems in stereo, [stem][channel][frame].
struct Stems {
  std::array<std::array<std::vector<float>, 2>, 4> samples;
  explicit Stems(std::size_t frames) {
    for (auto& stem : samples) {
      for (auto& channel : stem) channel.assign(frames, std::numeric_limits<float>::quiet_NaN());
    }
  }
};

/// Frames [first, first + frames) through the source, in blocks of `block`.
void play(StemSource& source, const Mix& mix, Stems& stems, std::size_t first, std::size_t frames, bool wait,
          std::size_t block = 1000) {
  for (std::size_t at = first; at < first + frames; at += block) {
    const std::size_t count = std::min(block, first + frames - at);
    const float* const in[] = {mix.channels[0].data() + at, mix.channels[1].data() + at};
    float* rows[4][2];
    float* const* out[4];
    for (std::size_t s = 0; s < 4; ++s) {
      for (std::size_t c = 0; c < 2; ++c) rows[s][c] = stems.samples[s][c].data() + at;
      out[s] = rows[s];
    }
    source.process(in, out, count, wait);
  }
}

/// The largest difference between stem `s` and the mix `delay` frames earlier times `gain`, over [first, last).
float difference(const Stems& stems, const Mix& mix, std::size_t s, float gain, std::size_t delay, std::size_t first,
                 std::size_t last) {
  float most = 0;
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = first; i < last; ++i) {
      const float expected = i < delay ? 0.0F : gain * mix.channels[c][i - delay];
      const float apart = std::abs(stems.samples[s][c][i] - expected);
      if (!(apart <= most)) most = apart;  // NaN, too
    }
  }
  return most;
}

/// Until the source is in this state, at most ten seconds; nothing is played meanwhile.
bool comes_to(const StemSource& source, SourceState state) {
  for (int i = 0; i < 1000 && source.state() != state; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return source.state() == state;
}

TEST(LatencyProfile, IsKnownBeforeThereIsAModelAndTrueWhenThereIs) {
  EXPECT_EQ(latency_frames(LatencyProfile::live, 44100), 57330U);  // 1.3 s
  EXPECT_EQ(latency_frames(LatencyProfile::safe, 44100), 110250U);
  const auto model = Model::load(band);
  for (const int rate : {8000, 44100, 48000, 96000, 192000}) {
    for (const auto profile : latency_profiles) {
      const Stream stream(model, stream_options(profile, rate));
      EXPECT_EQ(stream.latency_frames(), latency_frames(profile, rate)) << rate;
    }
  }
}

TEST(LatencyProfile, TakesTheNearestRate) {
  EXPECT_EQ(stream_rate(44100), 44100);
  EXPECT_EQ(stream_rate(44099.7), 44100);
  EXPECT_EQ(stream_rate(1), 8000);
  EXPECT_EQ(stream_rate(1e9), 192000);
  EXPECT_EQ(stream_rate(std::nan("")), 44100);
}

TEST(MixDelay, IsSilenceAndThenTheMix) {
  MixDelay delay;
  delay.start(5, 3);
  const std::array<float, 3> block{1, 2, std::numeric_limits<float>::infinity()};
  const float* const in[] = {block.data(), block.data()};
  std::vector<float> heard;
  for (int round = 0; round < 4; ++round) {
    delay.write(in, 3);
    for (std::size_t i = 0; i < 3; ++i) heard.push_back(delay.read(1, 5, 3, i));
  }
  EXPECT_EQ(heard, (std::vector<float>{0, 0, 0, 0, 0, 1, 2, 0, 1, 2, 0, 1}));
}

TEST(StemMixer, SumsWhatIsHeardAndChangesWithoutAClick) {
  StemMixer mixer;
  mixer.set_gain(0, 0.5F);
  mixer.set_mute(1, true);
  mixer.start(44100);
  std::array<std::array<std::vector<float>, 2>, 4> stems;
  for (std::size_t s = 0; s < 4; ++s) stems[s].fill(std::vector<float>(2000, static_cast<float>(1U << s)));
  std::vector<float> left(2000), right(2000);
  const auto mix = [&] {
    float* const out[] = {left.data(), right.data()};
    const float* rows[4][2];
    const float* const* in[4];
    for (std::size_t s = 0; s < 4; ++s) {
      for (std::size_t c = 0; c < 2; ++c) rows[s][c] = stems[s][c].data();
      in[s] = rows[s];
    }
    mixer.mix(in, out, 2000);
  };
  mix();
  EXPECT_EQ(left.front(), 0.5F + 4 + 8);
  EXPECT_EQ(right.back(), 0.5F + 4 + 8);
  mixer.set_solo(3, true);
  mix();
  EXPECT_LT(left.front(), 12.5F);
  EXPECT_GT(left.front(), 12.4F);
  for (std::size_t i = 1; i < 2000; ++i) EXPECT_LE(std::abs(left[i] - left[i - 1]), 4.5F / 441 * 1.01F);
  EXPECT_EQ(left[440], 8.0F);
  mixer.set_mute(3, true);  // of the only one that may be heard
  mix();
  EXPECT_EQ(left.back(), 0.0F);
}

class UserModels : public ::testing::Test {
 protected:
  // Named after the test: tests run beside each other.
  UserModels()
      : home_(fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(home_);
    fs::create_directories(home_ / "demucs-ort/models/sub");
    std::ofstream(home_ / "demucs-ort/models/sub/own.onnx") << "a model";
    setenv("XDG_DATA_HOME", home_.c_str(), 1);
  }
  ~UserModels() override {
    unsetenv("XDG_DATA_HOME");
    fs::remove_all(home_);
  }
  fs::path home_;
};

TEST_F(UserModels, AreFoundByRelativeNames) {
  const fs::path file = home_ / "demucs-ort/models/sub/own.onnx";
  EXPECT_EQ(model_file("sub/own.onnx"), file);
  EXPECT_EQ(portable_name(file.string()), "sub/own.onnx");
  EXPECT_EQ(portable_name("sub/own.onnx"), "sub/own.onnx");
  EXPECT_EQ(portable_name(""), "");
  EXPECT_EQ(portable_name("/elsewhere/own.onnx"), "/elsewhere/own.onnx");
  EXPECT_EQ(portable_name((home_ / "demucs-ort/models").string()), (home_ / "demucs-ort/models").string());
}

TEST_F(UserModels, SayWhereWasLooked) {
  try {
    model_file("missing.onnx");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::bad_model);
    EXPECT_NE(std::string(error.what()).find((home_ / "demucs-ort/models").string()), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(model_file("/missing.onnx"), Error);
  EXPECT_THROW(model_file(home_.string()), Error);
}

TEST(SharedModel, IsOnePerFileAndGoesWithItsLastUser) {
  const fs::path file = fs::path(::testing::TempDir()) / "shared.onnx";
  fs::copy_file(band, file, fs::copy_options::overwrite_existing);
  auto first = shared_model(file, {});
  EXPECT_EQ(first, shared_model(file, {}));
  EXPECT_EQ(first, shared_model(file.parent_path() / "." / file.filename(), {}));
  const std::weak_ptr<const Model> gone = first;
  first.reset();
  EXPECT_TRUE(gone.expired());
  const auto before = shared_model(file, {});
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(2));
  EXPECT_NE(before, shared_model(file, {}));  // another file by now
  fs::remove(file);
}

TEST(StemSource, IsInactiveUntilItIsActivated) {
  StemSource source;
  source.set_model(band);
  EXPECT_EQ(source.state(), SourceState::inactive);
  EXPECT_EQ(source.latency(), 57330U);
  const Mix mix(3000);
  Stems stems(3000);
  play(source, mix, stems, 0, 3000, true);
  EXPECT_EQ(difference(stems, mix, 0, 0.25F, 57330, 0, 3000), 0.0F);
  EXPECT_EQ(source.state(), SourceState::inactive);
}

TEST(StemSource, EqualsRenderOfAStreamFromTheFirstFrame) {
  const std::size_t frames = 160'000;
  const Mix mix(frames);
  Stems stems(frames), expected(frames);
  StemSource source;
  source.set_model(band);
  source.activate(44100);
  play(source, mix, stems, 0, frames, true, 777);
  EXPECT_EQ(source.state(), SourceState::separating);
  EXPECT_EQ(source.underruns(), 0U);

  StreamOptions options = stream_options(LatencyProfile::live, 44100);
  options.residual_to = "other";
  Stream stream(Model::load(band), options);
  const float* const in[] = {mix.channels[0].data(), mix.channels[1].data()};
  float* rows[4][2];
  float* const* out[4];
  for (std::size_t s = 0; s < 4; ++s) {
    for (std::size_t c = 0; c < 2; ++c) rows[s][c] = expected.samples[s][c].data();
    out[s] = rows[s];
  }
  stream.render(in, out, frames);
  EXPECT_EQ(stems.samples, expected.samples);
  for (std::size_t s = 0; s < 4; ++s) EXPECT_LT(difference(stems, mix, s, band_gains[s], 57330, 0, frames), 1e-5F);

  source.activate(44100);  // and once more from the start
  play(source, mix, stems, 0, frames, true, 4096);
  EXPECT_EQ(stems.samples, expected.samples);
}

TEST(StemSource, DeliversTheMixWithoutAModelAndSaysWhy) {
  const Mix mix(70'000);
  const std::string folder = TEST_MODELS;
  const struct {
    std::string model;
    double rate;
    SourceState state;
    std::string why;
  } cases[] = {{folder + "/nowhere.onnx", 44100, SourceState::no_model, "nowhere.onnx"},
               {folder + "/garbage.json", 44100, SourceState::no_model, "garbage.json"},
               {folder + "/five_2s.onnx", 44100, SourceState::wrong_model, "guitar"},
               {folder + "/gains.onnx", 44100, SourceState::wrong_model, "drums, bass, other and vocals"},
               {band, 7000, SourceState::bad_rate, "sample rate"},
               {band, 44100.5, SourceState::bad_rate, "sample rate"}};
  for (const auto& each : cases) {
    StemSource source;
    source.set_model(each.model);
    source.activate(each.rate);
    Stems stems(70'000);
    play(source, mix, stems, 0, 70'000, true);
    EXPECT_EQ(source.state(), each.state) << each.model;
    EXPECT_NE(source.problem().find(each.why), std::string::npos) << source.problem();
    for (std::size_t s = 0; s < 4; ++s) EXPECT_EQ(difference(stems, mix, s, 0.25F, source.latency(), 0, 70'000), 0.0F);
  }
}

TEST(StemSource, ChangesToStemsAndBackWithoutAClick) {
  const std::size_t frames = 400'000;
  const Mix mix(frames);
  Stems stems(frames);
  StemSource source;
  source.set_model("/nowhere.onnx");
  source.activate(44100);
  play(source, mix, stems, 0, 100'000, true);
  source.set_model(band);
  play(source, mix, stems, 100'000, 150'000, true);
  EXPECT_EQ(source.state(), SourceState::separating);
  EXPECT_EQ(source.problem(), "");
  source.set_model("/nowhere.onnx");
  play(source, mix, stems, 250'000, 150'000, true);
  EXPECT_EQ(source.state(), SourceState::no_model);
  const std::size_t latency = 57'330, fade = 2205;
  const std::size_t begin = 100'000 + latency;  // the new stream has heard enough by then
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(difference(stems, mix, s, 0.25F, latency, 0, begin), 0.0F);
    EXPECT_LT(difference(stems, mix, s, band_gains[s], latency, begin + fade, 250'000), 1e-5F);
    EXPECT_EQ(difference(stems, mix, s, 0.25F, latency, 250'000 + fade, frames), 0.0F);
    for (std::size_t i = 1; i < frames; ++i) {
      const float step = std::abs(stems.samples[s][0][i] - stems.samples[s][0][i - 1]);
      ASSERT_LT(step, 0.25F) << i;  // the chirp's own, at most
    }
  }
}

TEST(StemSource, ChangesTheLatencyWithTheStems) {
  const std::size_t frames = 500'000;
  const Mix mix(frames);
  Stems stems(frames);
  StemSource source;
  source.set_model(band);
  source.activate(44100);
  play(source, mix, stems, 0, 150'000, true);
  source.set_profile(LatencyProfile::safe);
  std::size_t changed = 0;
  for (std::size_t at = 150'000; at < frames; at += 1000) {
    play(source, mix, stems, at, 1000, true);
    if (changed == 0 && source.latency() == 110'250) changed = at + 1000;
  }
  ASSERT_NE(changed, 0U);
  EXPECT_NEAR(static_cast<double>(changed), 150'000 + 110'250 + 2205, 1000);
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_LT(difference(stems, mix, s, band_gains[s], 57'330, 57'330, 150'000 + 110'250), 1e-5F);
    EXPECT_LT(difference(stems, mix, s, band_gains[s], 110'250, changed, frames), 1e-5F);
  }
}

TEST(StemSource, WaitsForNobodyWhileItPlays) {
  const std::size_t frames = 200'000;
  const Mix mix(frames);
  Stems stems(frames);
  StemSource source;
  source.set_model(std::string(TEST_MODELS) + "/endless.onnx");  // wrong, but that takes a while to find out
  source.activate(44100);
  play(source, mix, stems, 0, 1000, false);
  source.set_model(band);
  ASSERT_TRUE(comes_to(source, SourceState::separating));
  play(source, mix, stems, 1000, frames - 1000, false, 64);
  // Far faster than real time: most stems come too late and are replaced, but they always add up to the mix.
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = 0; i < frames; ++i) {
      float sum = 0;
      for (std::size_t s = 0; s < 4; ++s) sum += stems.samples[s][c][i];
      ASSERT_NEAR(sum, i < 57'330 ? 0.0F : mix.channels[c][i - 57'330], 1e-6F) << i;
    }
  }
}

TEST(StemSource, TakesNothingThatIsNotFinite) {
  const std::size_t frames = 130'000;
  Mix mix(frames);
  mix.channels[0][3000] = std::numeric_limits<float>::infinity();
  mix.channels[1][3001] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& model : {band, std::string("/nowhere.onnx")}) {
    Stems stems(frames);
    StemSource source;
    source.set_model(model);
    source.activate(44100);
    play(source, mix, stems, 0, frames, true);
    for (const auto& stem : stems.samples) {
      for (const auto& channel : stem) {
        EXPECT_TRUE(std::all_of(channel.begin(), channel.end(), [](float sample) { return std::isfinite(sample); }));
      }
    }
  }
}

TEST(StemSource, GoesAtOnceWhileItLoads) {
  for (int i = 0; i < 5; ++i) {
    StemSource source;
    source.set_model(band);
    source.activate(44100 + 100 * i);
    source.set_model("/nowhere.onnx");
    source.activate(48000);
  }
}

}  // namespace
}  // namespace demucs_ort::plugin
