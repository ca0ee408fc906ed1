#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "core/latency_profile.hpp"

namespace demucs_ort::plugin {

/// Level, mute and solo of each stem, and their sum. A change is heard within 10 ms, without a click.
class StemMixer {
 public:
  /// `gain` as a factor. Thread: any; real-time safe, as all that follow.
  void set_gain(std::size_t stem, float gain) noexcept { faders_[stem].gain.store(gain, std::memory_order_relaxed); }
  void set_mute(std::size_t stem, bool mute) noexcept { faders_[stem].mute.store(mute, std::memory_order_relaxed); }
  void set_solo(std::size_t stem, bool solo) noexcept { faders_[stem].solo.store(solo, std::memory_order_relaxed); }

  /// Before the first frame: what is set holds at once. Thread: audio.
  void start(double sample_rate) noexcept;
  /// out[channel][frame] = sum of stems[stem][channel][frame], in stereo. `out` may not hold buffers of `stems`.
  /// Thread: audio.
  void mix(const float* const* const* stems, float* const* out, std::size_t frames) noexcept;

 private:
  struct Fader {
    std::atomic<float> gain{1.0F};
    std::atomic<bool> mute{false};
    std::atomic<bool> solo{false};
    // The audio thread's own: where the gain is, where it goes, and in how many frames it gets there.
    float now = 1.0F;
    float target = 1.0F;
    std::size_t left = 0;
  };

  float wanted(const Fader& fader, bool any_solo) const noexcept;
  void look_at_faders() noexcept;

  std::array<Fader, stem_names.size()> faders_;
  std::size_t ramp_ = 441;  // frames
};

}  // namespace demucs_ort::plugin
