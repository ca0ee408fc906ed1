// The plug-in as hosts see it: parameters, state and audio ports. What it does is in core/.
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>

#include "DistrhoPlugin.hpp"
#include "core/latency_profile.hpp"
#include "core/model_file.hpp"
#include "core/stem_mixer.hpp"
#include "core/stem_source.hpp"
#include "host_calls.hpp"
#include "parameters.hpp"

namespace demucs_ort::plugin {
HostCalls* newest_host_calls = nullptr;
std::mutex newest_host_calls_mutex;
}  // namespace demucs_ort::plugin

START_NAMESPACE_DISTRHO
namespace {

using namespace demucs_ort::plugin;

float factor_of(float decibels) { return decibels <= quietest ? 0.0F : std::pow(10.0F, decibels / 20.0F); }

void describe(Parameter& parameter, std::uint32_t hints, const std::string& name, const std::string& symbol,
              const char* unit, float minimum, float maximum) {
  parameter.hints = hints;
  parameter.name = name.c_str();
  parameter.symbol = symbol.c_str();
  parameter.unit = unit;
  parameter.ranges = ParameterRanges(0, minimum, maximum);
}

template <std::size_t Size>
void set_titles(Parameter& of, const std::array<const char*, Size>& titles) {
  auto* const values = new ParameterEnumerationValue[Size];  // DPF deletes it
  for (std::size_t i = 0; i < Size; ++i) values[i] = {static_cast<float>(i), titles[i]};
  of.enumValues.values = values;
  of.enumValues.count = static_cast<std::uint8_t>(Size);
  of.enumValues.restrictedMode = true;
  of.ranges = ParameterRanges(0, 0, static_cast<float>(Size - 1));
}

class StemsPlugin : public Plugin {
 public:
  StemsPlugin() : Plugin(parameter::count, 0, 1) {
    setLatency(static_cast<std::uint32_t>(source_.latency()));
    newest_host_calls = &host_calls_;
  }

  std::string problem() const { return source_.problem(); }

 protected:
  const char* getLabel() const override { return is_multi_out ? "demucs_stems_multi_out" : "demucs_stems"; }
  const char* getDescription() const override {
    return is_multi_out ? "Separates music as it plays: drums, bass, other and vocals on four stereo outputs."
                        : "Separates music as it plays, with level, mute and solo for drums, bass, other and vocals.";
  }
  const char* getMaker() const override { return DISTRHO_PLUGIN_BRAND; }
  const char* getHomePage() const override { return "https://github.com/demucs-ort/demucs-ort"; }
  const char* getLicense() const override { return "MIT"; }
  std::uint32_t getVersion() const override { return d_version(0, 1, 0); }
  std::int64_t getUniqueId() const override { return d_cconst(DISTRHO_PLUGIN_UNIQUE_ID); }

  void initAudioPort(bool input, std::uint32_t index, AudioPort& port) override {
    const std::string side = index % 2 == 0 ? " L" : " R";
    if (input || !is_multi_out) {
      Plugin::initAudioPort(input, index, port);
      port.groupId = kPortGroupStereo;
      return;
    }
    const std::uint32_t stem = index / 2;
    port.name = (stem_titles[stem] + side).c_str();
    port.symbol = (std::string(stem_names[stem]) + (index % 2 == 0 ? "_left" : "_right")).c_str();
    port.groupId = stem;
  }

  void initPortGroup(std::uint32_t group, PortGroup& port_group) override {
    if (group >= stem_count) return;
    port_group.name = stem_titles[group];
    port_group.symbol = stem_names[group];
  }

  void initParameter(std::uint32_t index, Parameter& parameter) override {
    if (!is_multi_out && index < parameter::latency) {
      init_fader(index / stem_count, index % stem_count, parameter);
      return;
    }
    switch (index) {
      case parameter::latency:
        describe(parameter, kParameterIsInteger, "Latency", "latency", "", 0, 1);
        set_titles(parameter, latency_titles);
        break;
      case parameter::wait:
        describe(parameter, kParameterIsBoolean | kParameterIsInteger, "Wait for stems", "wait", "", 0, 1);
        break;
      case parameter::state:
        describe(parameter, kParameterIsOutput | kParameterIsInteger, "State", "state", "", 0, 7);
        set_titles(parameter, state_titles);
        break;
      case parameter::underruns:
        describe(parameter, kParameterIsOutput | kParameterIsInteger, "Underruns", "underruns", "", 0, 100000);
        break;
      case parameter::load:
        describe(parameter, kParameterIsOutput, "Load", "load", "%", 0, 1000);
        break;
      default:
        break;
    }
  }

  void initState(std::uint32_t, State& state) override {
    state.hints = kStateIsFilenamePath;
    state.key = model_state;
    state.label = "Model";
    state.description = "The model file; empty: the demo model";
  }

  float getParameterValue(std::uint32_t index) const override {
    switch (index) {
      case parameter::state:
        return static_cast<float>(source_.state());
      case parameter::underruns:
        return static_cast<float>(source_.underruns());
      case parameter::load:
        return static_cast<float>(100 * source_.load());
      default:
        return index < values_.size() ? values_[index].load(std::memory_order_relaxed) : 0.0F;
    }
  }

  void setParameterValue(std::uint32_t index, float value) override {
    if (index >= values_.size() || !std::isfinite(value)) return;
    values_[index].store(value, std::memory_order_relaxed);
    const bool on = value > 0.5F;
    if (index == parameter::latency) {
      source_.set_profile(on ? LatencyProfile::safe : LatencyProfile::live);
    } else if (!is_multi_out && index < parameter::mute) {
      mixer_.set_gain(index - parameter::level, factor_of(value));
    } else if (!is_multi_out && index < parameter::solo) {
      mixer_.set_mute(index - parameter::mute, on);
    } else if (!is_multi_out && index < parameter::latency) {
      mixer_.set_solo(index - parameter::solo, on);
    }
  }

  String getState(const char* key) const override {
    return std::string(key) == model_state ? String(portable_name(source_.model()).c_str()) : String();
  }

  void setState(const char* key, const char* value) override {
    if (std::string(key) == model_state) source_.set_model(value);
  }

  void activate() override {
    source_.activate(getSampleRate());
    mixer_.start(getSampleRate());
    setLatency(static_cast<std::uint32_t>(source_.latency()));
  }

  void run(const float** inputs, float** outputs, std::uint32_t frames) override {
    if (host_calls_.only_set_parameters.load(std::memory_order_relaxed)) return;
    const bool wait = host_calls_.render.load(std::memory_order_relaxed) ||
                      values_[parameter::wait].load(std::memory_order_relaxed) > 0.5F;
    if constexpr (is_multi_out) {
      float* const* rows[stem_count];
      for (std::uint32_t s = 0; s < stem_count; ++s) rows[s] = outputs + 2 * s;
      source_.process(inputs, rows, frames, wait);
    } else {
      mix(inputs, outputs, frames, wait);
    }
    setLatency(static_cast<std::uint32_t>(source_.latency()));
  }

 private:
  void init_fader(std::uint32_t kind, std::uint32_t stem, Parameter& parameter) {
    const std::string title = stem_titles[stem];
    const std::string name = stem_names[stem];
    constexpr std::uint32_t button = kParameterIsAutomatable | kParameterIsBoolean | kParameterIsInteger;
    if (kind == 0) {
      describe(parameter, kParameterIsAutomatable, title, name + "_level", "dB", quietest, loudest);
    } else if (kind == 1) {
      describe(parameter, button, title + " mute", name + "_mute", "", 0, 1);
    } else {
      describe(parameter, button, title + " solo", name + "_solo", "", 0, 1);
    }
  }

  void mix(const float* const* inputs, float* const* outputs, std::uint32_t frames, bool wait) {
    for (std::uint32_t at = 0; at < frames;) {
      const std::uint32_t count = std::min(frames - at, chunk);
      float* rows[stem_count][2];
      float* const* stems[stem_count];
      for (std::uint32_t s = 0; s < stem_count; ++s) {
        for (std::uint32_t c = 0; c < 2; ++c) rows[s][c] = stems_[s][c].data();
        stems[s] = rows[s];
      }
      const float* const in[] = {inputs[0] + at, inputs[1] + at};
      float* const out[] = {outputs[0] + at, outputs[1] + at};
      source_.process(in, stems, count, wait);
      mixer_.mix(stems, out, count);
      at += count;
    }
  }

  static constexpr std::uint32_t chunk = 512;                  // frames
  std::array<std::atomic<float>, parameter::state> values_{};  // of the parameters that the host sets; all 0 at first
  HostCalls host_calls_;
  StemSource source_;
  StemMixer mixer_;
  std::array<std::array<std::array<float, chunk>, 2>, stem_count> stems_{};
};

}  // namespace

Plugin* createPlugin() { return new StemsPlugin; }

END_NAMESPACE_DISTRHO

std::string demucs_ort::plugin::problem_of(void* instance) {
  return static_cast<DISTRHO::StemsPlugin*>(static_cast<DISTRHO::Plugin*>(instance))->problem();
}
