#include "core/stem_mixer.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace demucs_ort::plugin {

float StemMixer::wanted(const Fader& fader, bool any_solo) const noexcept {
  const bool heard = any_solo ? fader.solo.load(std::memory_order_relaxed) : true;
  return heard && !fader.mute.load(std::memory_order_relaxed) ? fader.gain.load(std::memory_order_relaxed) : 0.0F;
}

void StemMixer::look_at_faders() noexcept {
  const bool any_solo = std::any_of(faders_.begin(), faders_.end(),
                                    [](const Fader& fader) { return fader.solo.load(std::memory_order_relaxed); });
  for (auto& fader : faders_) {
    const float target = wanted(fader, any_solo);
    if (target == fader.target) continue;
    fader.target = target;
    fader.left = ramp_;
  }
}

void StemMixer::start(double sample_rate) noexcept {
  ramp_ = static_cast<std::size_t>(std::max(1.0, sample_rate / 100));
  look_at_faders();
  for (auto& fader : faders_) {
    fader.now = fader.target;
    fader.left = 0;
  }
}

void StemMixer::mix(const float* const* const* stems, float* const* out, std::size_t frames) noexcept {
  look_at_faders();
  for (std::size_t s = 0; s < faders_.size(); ++s) {
    Fader& fader = faders_[s];
    for (std::size_t i = 0; i < frames; ++i) {
      if (fader.left > 0) {
        fader.now += (fader.target - fader.now) / static_cast<float>(fader.left);
        if (--fader.left == 0) fader.now = fader.target;
      }
      for (std::size_t c = 0; c < 2; ++c) {
        const float sample = fader.now * stems[s][c][i];
        out[c][i] = s == 0 ? sample : out[c][i] + sample;
      }
    }
  }
}

}  // namespace demucs_ort::plugin
