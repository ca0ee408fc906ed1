// What the tests of the plug-in in its formats share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "plugin_host.hpp"

namespace plugin_host {

using Audio = std::vector<std::vector<float>>;  // [channel][frame]

inline const std::string models = test_models();
inline const std::string band = models + "/band_2s.onnx";
inline constexpr float band_gains[] = {0.25F, 0.25F, 0.375F,
                                       0.125F};  // what it makes of the mix, with "other" what is left

// The plug-in's numbers of what it is doing (core/stem_source.hpp).
inline constexpr float loading = 1;
inline constexpr float separating = 2;
inline constexpr float no_model = 3;
inline constexpr float wrong_model = 4;

inline std::uint32_t next_random(std::uint32_t& seed) {
  seed = seed * 1664525U + 1013904223U;
  return seed >> 8U;
}

/// Two channels that repeat nowhere, without steps: tones that rise.
inline Audio make_mix(std::size_t frames, double rate) {
  Audio mix(2, std::vector<float>(frames));
  for (std::size_t i = 0; i < frames; ++i) {
    const double t = static_cast<double>(i) / rate;
    mix[0][i] = static_cast<float>(0.5 * std::sin(900 * t * (1 + 0.3 * t)) + 0.1 * std::sin(70 * t));
    mix[1][i] = static_cast<float>(0.4 * std::sin(1300 * t * (1 + 0.2 * t)));
  }
  return mix;
}

/// Plays frames [first, first + frames) of the mix into the same frames of `out`, in blocks of `block`; 0: of all
/// sizes.
inline void play(Instance& instance, const Audio& mix, Audio& out, std::size_t first, std::size_t frames,
                 std::uint32_t block = 1000) {
  std::uint32_t seed = 1;
  for (std::size_t at = first; at < first + frames;) {
    std::size_t count = block;
    if (block == 0) count = next_random(seed) % 4 == 0 ? next_random(seed) % 3 : next_random(seed) % 4097;
    count = std::min(count, first + frames - at);
    const float* const in[] = {mix[0].data() + at, mix[1].data() + at};
    float* rows[8];
    for (std::size_t c = 0; c < out.size(); ++c) rows[c] = out[c].data() + at;
    instance.process(in, rows, static_cast<std::uint32_t>(count));
    at += count;
  }
  instance.idle();
}

inline Audio play(Instance& instance, const Audio& mix, std::uint32_t outputs, std::uint32_t block = 1000) {
  Audio out(outputs, std::vector<float>(mix[0].size(), std::nanf("")));
  play(instance, mix, out, 0, mix[0].size(), block);
  return out;
}

/// The sum of all stems, in stereo.
inline Audio sum_of(const Audio& out) {
  Audio sum(2, std::vector<float>(out[0].size()));
  for (std::size_t c = 0; c < out.size(); ++c) {
    for (std::size_t i = 0; i < sum[0].size(); ++i) sum[c % 2][i] += out[c][i];
  }
  return sum;
}

/// The largest difference of `heard` from `gain` times the mix `delay` frames earlier, over [first, last).
inline float difference(const std::vector<float>& heard, const std::vector<float>& mix, std::size_t delay, float gain,
                        std::size_t first, std::size_t last) {
  float most = 0;
  for (std::size_t i = first; i < last; ++i) {
    const float apart = std::abs(heard[i] - (i < delay ? 0.0F : gain * mix[i - delay]));
    if (!(apart <= most)) most = apart;  // NaN, too
  }
  return most;
}

inline float difference(const Audio& heard, const Audio& mix, std::size_t delay, std::size_t first) {
  const std::size_t last = heard[0].size();
  return std::max(difference(heard[0], mix[0], delay, 1, first, last),
                  difference(heard[1], mix[1], delay, 1, first, last));
}

inline float largest_step(const std::vector<float>& samples) {
  float most = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const float step = std::abs(samples[i] - samples[i - 1]);
    if (!(step <= most)) most = step;
  }
  return most;
}

inline std::string name_of(Format format, Variant variant) {
  const char* const formats[] = {"Lv2", "Clap", "Vst3"};
  return std::string(formats[static_cast<int>(format)]) + (variant == Variant::mixing ? "Mixing" : "MultiOut");
}

/// Every format in both variants.
class Plugin : public testing::TestWithParam<std::tuple<Format, Variant>> {
 protected:
  Plugin() : host_(load(built_plugins(), format(), variant())) {}
  static Format format() { return std::get<0>(GetParam()); }
  static Variant variant() { return std::get<1>(GetParam()); }
  static std::uint32_t outputs() { return outputs_of(variant()); }
  std::unique_ptr<Instance> create(const std::string& model = band) {
    auto instance = host_->create();
    instance->choose_model(model);
    return instance;
  }

  std::unique_ptr<Host> host_;
};

inline std::string name_of_case(const testing::TestParamInfo<Plugin::ParamType>& info) {
  return name_of(std::get<0>(info.param), std::get<1>(info.param));
}

#define ALL_PLUGINS(suite)                                                                            \
  INSTANTIATE_TEST_SUITE_P(All, suite,                                                                \
                           testing::Combine(testing::Values(Format::lv2, Format::clap, Format::vst3), \
                                            testing::Values(Variant::mixing, Variant::multi_out)),    \
                           name_of_case)

}  // namespace plugin_host
