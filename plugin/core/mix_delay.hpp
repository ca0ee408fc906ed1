#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace demucs_ort::plugin {

/// The mix, some time later. Before its start it is silence.
class MixDelay {
 public:
  /// Forgets all, and makes room for delays of up to `longest` frames and blocks of up to `block`.
  void start(std::size_t longest, std::size_t block) {
    for (auto& channel : channels_) channel.assign(longest + block, 0.0F);
    next_ = 0;
  }
  /// Appends in[channel][frames]; what is not finite becomes 0. Real-time safe, as `read`.
  void write(const float* const* in, std::size_t frames) noexcept {
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      for (std::size_t i = 0; i < frames; ++i) {
        channels_[c][(next_ + i) % channels_[c].size()] = std::isfinite(in[c][i]) ? in[c][i] : 0.0F;
      }
    }
    next_ = (next_ + frames) % channels_[0].size();
  }
  /// The i-th of the `frames` that were written last, `delay` frames earlier.
  float read(std::size_t channel, std::size_t delay, std::size_t frames, std::size_t i) const noexcept {
    const std::size_t size = channels_[channel].size();
    return channels_[channel][(next_ + size - frames + i + size - delay) % size];
  }

 private:
  std::array<std::vector<float>, 2> channels_{std::vector<float>(1), std::vector<float>(1)};
  std::size_t next_ = 0;
};

}  // namespace demucs_ort::plugin
