// The plug-in in LV2, CLAP and VST3, as hosts see it.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/latency_profile.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"
#include "host_fixture.hpp"
#include "plugin_host.hpp"

using namespace demucs_ort;
using namespace plugin_host;

namespace {

namespace fs = std::filesystem;
using demucs_ort::plugin::latency_frames;
using demucs_ort::plugin::LatencyProfile;

/// What the plug-in has to deliver: that of `Stream::render`.
Audio rendered(const std::string& model, const Audio& mix, int rate, Variant variant) {
  StreamOptions options = demucs_ort::plugin::stream_options(LatencyProfile::live, rate);
  options.residual_to = "other";
  Stream stream(Model::load(model), options);
  const std::size_t frames = mix[0].size();
  Audio stems(8, std::vector<float>(frames));
  const float* const in[] = {mix[0].data(), mix[1].data()};
  float* rows[4][2];
  float* const* out[4];
  for (std::size_t s = 0; s < 4; ++s) {
    for (std::size_t c = 0; c < 2; ++c) rows[s][c] = stems[2 * s + c].data();
    out[s] = rows[s];
  }
  stream.render(in, out, frames);
  return variant == Variant::multi_out ? stems : sum_of(stems);
}

using Formats = Plugin;

}  // namespace

TEST_P(Formats, HaveTheirParameters) {
  const auto instance = create();
  for (const char* const name : {"Latency", "Wait for stems", "State", "Underruns", "Load"}) {
    EXPECT_TRUE(instance->has(name)) << name;
  }
  for (const char* const name : {"Drums", "Bass mute", "Other solo", "Vocals"}) {
    EXPECT_EQ(instance->has(name), variant() == Variant::mixing) << name;
  }
}

TEST_P(Formats, DeclareTheLatencyThatIsMeasured) {
  for (const int rate : {44100, 48000, 88200, 96000, 192000}) {
    SCOPED_TRACE(rate);
    const auto instance = create();
    if (format() != Format::lv2) {
      EXPECT_EQ(instance->latency(), latency_frames(LatencyProfile::live, 44100)) << "before it is known at which rate";
    }
    instance->render_offline(true);
    instance->activate(rate, 4096);
    const std::size_t latency = instance->latency();
    EXPECT_EQ(latency, latency_frames(LatencyProfile::live, rate));
    const Audio mix = make_mix(latency + static_cast<std::size_t>(rate), rate);
    const Audio out = play(*instance, mix, outputs(), 4096);
    EXPECT_LE(difference(sum_of(out), mix, latency, 0), 1e-6F);
    EXPECT_EQ(instance->get("State"), separating);
    EXPECT_EQ(instance->latency(), latency);
    EXPECT_EQ(instance->restarts_wanted(), format() == Format::lv2 ? 1 : 0)
        << "for nothing (LV2: the port's first value)";
    EXPECT_EQ(instance->wrong_calls(), 0);
  }
}

TEST_P(Formats, RenderOfflineWhatAStreamRenders) {
  const std::string model = models + "/band_ramp_2s.onnx";
  for (const int rate : {44100, 48000}) {
    SCOPED_TRACE(rate);
    const Audio mix = make_mix(5 * static_cast<std::size_t>(rate), rate);
    const Audio wanted = rendered(model, mix, rate, variant());
    for (const std::uint32_t block : {0U, 441U}) {
      const auto instance = create(model);
      instance->render_offline(true);
      instance->activate(rate, 4096);
      EXPECT_EQ(play(*instance, mix, outputs(), block), wanted) << block;
      EXPECT_EQ(instance->get("Underruns"), 0);
    }
  }
}

TEST_P(Formats, GoFromRealTimeToOfflineAndBack) {
  constexpr std::size_t part = 4 * 44100;
  const std::string model = models + "/band_ramp_2s.onnx";
  const Audio mix = make_mix(3 * part, 44100);
  const Audio wanted = rendered(model, mix, 44100, variant());
  const auto instance = create(model);
  instance->render_offline(true);
  instance->activate(44100, 4096);
  Audio out(outputs(), std::vector<float>(3 * part));
  play(*instance, mix, out, 0, part);
  instance->render_offline(false);
  play(*instance, mix, out, part, part, 64);  // far faster than real time: most stems are late
  instance->render_offline(true);
  play(*instance, mix, out, 2 * part, part);
  EXPECT_LE(difference(sum_of(out), mix, instance->latency(), 0), 1e-6F);
  EXPECT_GT(instance->get("Underruns"), 0);
  for (std::size_t c = 0; c < out.size(); ++c) {
    const auto same = [&](std::size_t first, std::size_t last) {
      return std::equal(out[c].data() + first, out[c].data() + last, wanted[c].data() + first);
    };
    EXPECT_TRUE(same(0, part)) << c;
    EXPECT_TRUE(same(3 * part - 44100, 3 * part)) << c;
  }
}

TEST_P(Formats, DeliverTheMixWithoutAModelAndThenTheStems) {
  const std::string text = testing::TempDir() + "text " + name_of(format(), variant()) + ".onnx";
  std::ofstream(text) << "This is not a model.\n";
  const struct {
    std::string model;
    float state;
  } cases[] = {{models + "/nowhere.onnx", no_model},
               {text, no_model},
               {models + "/five_2s.onnx", wrong_model},
               {models + "/gains.onnx", wrong_model},
               {models, no_model},
               {"not here/\n\t\"'%s.onnx", no_model},
               {"/nul\xc5\xbe/\xc3\x28.onnx", no_model},
               {std::string(3000, 'x') + "/y.onnx", no_model}};
  const std::size_t latency = latency_frames(LatencyProfile::live, 44100);
  const Audio mix = make_mix(4 * latency, 44100);
  for (const auto& each : cases) {
    SCOPED_TRACE(each.model.substr(0, 100));
    const auto instance = create(each.model);
    instance->render_offline(true);
    instance->activate(44100, 4096);
    Audio out(outputs(), std::vector<float>(mix[0].size()));
    play(*instance, mix, out, 0, 2 * latency);
    EXPECT_EQ(instance->get("State"), each.state);
    EXPECT_EQ(instance->latency(), latency);
    const float share = variant() == Variant::multi_out ? 0.25F : 1.0F;
    for (std::size_t c = 0; c < out.size(); ++c) {
      EXPECT_LE(difference(out[c], mix[c % 2], latency, share, 0, 2 * latency), 1e-7F);
    }
    instance->choose_model(band);
    play(*instance, mix, out, 2 * latency, 1);  // LV2: the message
    for (int i = 0; i < 1000 && instance->get("State") != separating; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      play(*instance, mix, out, 2 * latency + 1, 0, 1);
      const float* const in[] = {mix[0].data(), mix[1].data()};
      float* rows[8];
      for (std::size_t c = 0; c < out.size(); ++c) rows[c] = out[c].data();
      instance->process(in, rows, 0);
    }
    play(*instance, mix, out, 2 * latency + 1, 2 * latency - 1);
    EXPECT_EQ(instance->get("State"), separating);
    EXPECT_LE(difference(sum_of(out), mix, latency, 0), 1e-6F);
    for (std::size_t c = 0; c < out.size(); ++c) {
      EXPECT_LE(largest_step(out[c]), largest_step(mix[c % 2])) << "a click";
      if (variant() == Variant::multi_out) {
        EXPECT_LE(difference(out[c], mix[c % 2], latency, band_gains[c / 2], 4 * latency - 20000, 4 * latency), 1e-6F);
      }
    }
    EXPECT_EQ(instance->restarts_wanted() + instance->wrong_calls(), format() == Format::lv2 ? 1 : 0);
  }
}

TEST_P(Formats, TellANewLatencyAndKeepIt) {
  const std::size_t live = latency_frames(LatencyProfile::live, 44100);
  const std::size_t safe = latency_frames(LatencyProfile::safe, 44100);
  const Audio mix = make_mix(5 * safe, 44100);
  const auto instance = create();
  instance->render_offline(true);
  instance->activate(44100, 4096);
  Audio out(outputs(), std::vector<float>(mix[0].size()));
  play(*instance, mix, out, 0, safe);
  EXPECT_EQ(instance->latency(), live);
  const int before = instance->restarts_wanted();
  instance->set("Latency", 1);
  play(*instance, mix, out, safe, 4 * safe);
  EXPECT_EQ(instance->latency(), safe);
  EXPECT_EQ(instance->restarts_wanted(), before + 1);
  EXPECT_LE(difference(sum_of(out), mix, safe, 4 * safe), 1e-6F);
  for (const auto& channel : out) EXPECT_LE(largest_step(channel), largest_step(mix[0])) << "a click";
  instance->deactivate();
  instance->activate(44100, 4096);
  EXPECT_EQ(instance->latency(), safe);
  EXPECT_LE(difference(sum_of(play(*instance, mix, outputs())), mix, safe, 0), 1e-6F);
  EXPECT_EQ(instance->restarts_wanted(), before + 1) << "once is enough";
  EXPECT_EQ(instance->wrong_calls(), 0);
}

TEST_P(Formats, TakeParametersInBlocksWithoutFrames) {
  const auto instance = create();
  instance->render_offline(true);
  instance->activate(44100, 4096);
  const Audio mix = make_mix(3 * latency_frames(LatencyProfile::safe, 44100), 44100);
  Audio out(outputs(), std::vector<float>(mix[0].size()));
  play(*instance, mix, out, 0, 1000);
  instance->set("Latency", 1);
  const float* const in[] = {mix[0].data(), mix[1].data()};
  float* rows[8];
  for (std::size_t c = 0; c < out.size(); ++c) rows[c] = out[c].data();
  instance->process(in, rows, 0);
  play(*instance, mix, out, 1000, mix[0].size() - 1000);
  const std::size_t safe = latency_frames(LatencyProfile::safe, 44100);
  EXPECT_EQ(instance->latency(), safe);
  EXPECT_LE(difference(sum_of(out), mix, safe, 2 * safe), 1e-6F) << "no frame came or went with the parameter";
}

TEST_P(Formats, KeepTheirStateInASession) {
  const std::string home = testing::TempDir() + "home " + name_of(format(), variant());
  fs::create_directories(home + "/demucs-ort/models");
  fs::copy_file(band, home + "/demucs-ort/models/mine.onnx", fs::copy_options::overwrite_existing);
  setenv("XDG_DATA_HOME", home.c_str(), 1);
  const auto first = create(home + "/demucs-ort/models/mine.onnx");
  first->render_offline(true);
  first->set("Latency", 1);
  if (variant() == Variant::mixing) {
    first->set("Drums", -60);
    first->set("Bass", -6);
    first->set("Vocals mute", 1);
  }
  const Audio mix = make_mix(3 * 110250, 44100);
  first->activate(44100, 4096);
  play(*first, mix, outputs());
  const std::string state = first->save();
  const std::string other_home = home + " moved";
  fs::remove_all(other_home);
  if (format() != Format::lv2) {  // there the host takes care of paths
    EXPECT_EQ(state.find(home), std::string::npos) << "a path of this machine";
    fs::rename(home, other_home);
    setenv("XDG_DATA_HOME", other_home.c_str(), 1);
  }
  const auto second = host_->create();
  second->restore(state);
  second->render_offline(true);
  second->activate(44100, 4096);
  if (format() != Format::lv2) {  // which looks at its ports in the first block
    EXPECT_EQ(second->latency(), latency_frames(LatencyProfile::safe, 44100));
  }
  const Audio heard = play(*second, mix, outputs());
  EXPECT_EQ(second->get("State"), separating);
  EXPECT_EQ(second->save(), state);
  first->deactivate();
  first->activate(44100, 4096);
  EXPECT_EQ(heard, play(*first, mix, outputs()));
  unsetenv("XDG_DATA_HOME");
}

TEST_P(Formats, LetNothingThroughThatIsNoNumber) {
  const auto instance = create();
  instance->activate(48000, 4096);
  Audio mix = make_mix(4 * 48000, 48000);
  for (std::size_t i = 0; i < mix[0].size(); i += 997) {
    mix[0][i] = std::numeric_limits<float>::quiet_NaN();
    mix[1][i] = i % 2 == 0 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
  }
  for (const bool offline : {false, true}) {
    instance->render_offline(offline);
    for (const auto& channel : play(*instance, mix, outputs())) {
      EXPECT_TRUE(std::all_of(channel.begin(), channel.end(), [](float sample) { return std::abs(sample) < 2; }));
    }
  }
}

TEST_P(Formats, WorkInPlace) {
  const auto instance = create();
  instance->render_offline(true);
  instance->activate(44100, 4096);
  const Audio mix = make_mix(3 * 44100, 44100);
  const Audio wanted = play(*instance, mix, outputs());
  instance->deactivate();
  instance->activate(44100, 4096);
  Audio out(outputs(), std::vector<float>(mix[0].size()));
  out[0] = mix[0];
  out[1] = mix[1];
  const Audio& in = out;
  play(*instance, in, out, 0, mix[0].size(), 1500);
  EXPECT_EQ(out, wanted);
}

TEST_P(Formats, MixAsTheFadersSay) {
  if (variant() == Variant::multi_out) GTEST_SKIP() << "has no faders";
  const auto instance = create();
  instance->set("Drums", -60);  // shut
  instance->set("Vocals", 6);
  instance->set("Bass mute", 1);
  instance->render_offline(true);
  instance->activate(44100, 4096);
  const Audio mix = make_mix(4 * 44100, 44100);
  const std::size_t latency = instance->latency();
  const auto hears = [&](float gain) {
    const Audio out = play(*instance, mix, outputs());
    EXPECT_LE(difference(out[0], mix[0], latency, gain, latency + 44100, out[0].size()), 1e-6F);
    instance->deactivate();
    instance->activate(44100, 4096);
  };
  const float six = std::pow(10.0F, 6.0F / 20.0F);
  hears(0.375F + six * 0.125F);
  instance->set("Vocals solo", 1);
  hears(six * 0.125F);
  instance->set("Vocals mute", 1);
  hears(0);
}

TEST_P(Formats, DoWhateverTheHostDoesInAnyOrder) {
  std::uint32_t seed = 7;
  const double rates[] = {44100, 48000, 96000, 192000, 22050, 44100.5};
  const std::string choices[] = {band, models + "/five_2s.onnx", models + "/nowhere.onnx", band};
  auto instance = create();
  std::string state = instance->save();
  bool is_active = false;
  for (int step = 0; step < 60; ++step) {
    SCOPED_TRACE(step);
    const auto what = next_random(seed) % 10;
    if (what == 0) {
      instance->choose_model(choices[next_random(seed) % 4]);
    } else if (what == 1) {
      state = instance->save();
    } else if (what == 2) {
      instance->restore(state);
    } else if (what == 3) {
      instance->set("Latency", static_cast<float>(next_random(seed) % 2));
    } else if (what == 4) {
      instance->render_offline(next_random(seed) % 2 == 0);
    } else if (what == 5 && next_random(seed) % 3 == 0) {
      instance = create();
      is_active = false;
    } else if (!is_active) {
      instance->activate(rates[next_random(seed) % 6], 4096);
      is_active = true;
    } else if (what == 6) {
      instance->deactivate();
      is_active = false;
    } else {
      const Audio out = play(*instance, make_mix(next_random(seed) % 30000, 44100), outputs(), 0);
      for (const auto& channel : out) {
        EXPECT_TRUE(std::all_of(channel.begin(), channel.end(), [](float sample) { return std::abs(sample) < 2; }));
      }
    }
  }
  EXPECT_EQ(instance->wrong_calls(), 0);
}

TEST_P(Formats, LeaveOutBusesThatTheHostDoesNotHear) {
  if (format() != Format::vst3 || variant() != Variant::multi_out) GTEST_SKIP() << "has none to leave out";
  const auto instance = create();
  instance->render_offline(true);
  instance->activate(44100, 4096);
  const Audio mix = make_mix(4 * 44100, 44100);
  const std::size_t latency = instance->latency();
  Audio out(outputs(), std::vector<float>(mix[0].size()));
  for (std::size_t at = 0; at < mix[0].size(); at += 1000) {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(1000, mix[0].size() - at));
    const float* const in[] = {mix[0].data() + at, mix[1].data() + at};
    float* rows[8] = {};
    for (const std::size_t c : {2U, 3U, 6U, 7U}) rows[c] = out[c].data() + at;
    instance->process(in, rows, count);
  }
  for (const std::size_t c : {2U, 3U, 6U, 7U}) {
    EXPECT_LE(difference(out[c], mix[c % 2], latency, band_gains[c / 2], latency + 44100, out[c].size()), 1e-6F) << c;
  }
}

ALL_PLUGINS(Formats);
