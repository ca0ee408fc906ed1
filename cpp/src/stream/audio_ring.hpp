#pragma once

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace demucs_ort {

/// The newest frames of an endless signal: one thread writes and is never held up, another copies what is still there.
class AudioRing {
 public:
  AudioRing(std::size_t channels, std::size_t capacity) : capacity_(capacity), channels_(channels) {
    for (auto& channel : channels_) channel = std::vector<std::atomic<float>>(capacity);
  }

  /// Appends frames [first, first + frames) of in[channel][frame * stride], at most the capacity; what is not finite
  /// becomes 0. Real-time safe.
  void write(const float* const* in, std::size_t stride, std::size_t first, std::size_t frames) noexcept {
    const std::uint64_t start = written_.load(std::memory_order_relaxed);
    claimed_.store(start + frames, std::memory_order_relaxed);
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      std::size_t at = start % capacity_;
      for (std::size_t i = 0; i < frames; ++i) {
        const float sample = in[c][(first + i) * stride];
        // Whoever reads this sample sees that its place was claimed.
        channels_[c][at].store(std::isfinite(sample) ? sample : 0.0F, std::memory_order_release);
        if (++at == capacity_) at = 0;
      }
    }
    written_.store(start + frames, std::memory_order_release);
  }

  /// Frames written so far.
  std::uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }

  /// A frame among the newest, for the writing thread.
  float at(std::size_t channel, std::uint64_t frame) const noexcept {
    return channels_[channel][frame % capacity_].load(std::memory_order_relaxed);
  }

  /// Copies frames [first, first + frames), which must be written, into out[channel]; false if they are, or became
  /// meanwhile, older than the ring holds.
  bool read(std::uint64_t first, std::size_t frames, float* const* out) const noexcept {
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      std::size_t at = first % capacity_;
      for (std::size_t i = 0; i < frames; ++i) {
        out[c][i] = channels_[c][at].load(std::memory_order_acquire);
        if (++at == capacity_) at = 0;
      }
    }
    return claimed_.load(std::memory_order_relaxed) <= first + capacity_;
  }

 private:
  std::size_t capacity_;
  std::vector<std::vector<std::atomic<float>>> channels_;
  std::atomic<std::uint64_t> claimed_{0};  // frames whose places are, or are being, overwritten
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace demucs_ort
