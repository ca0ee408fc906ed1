#pragma once

#include <cstddef>

namespace demucs_ort {

/// Mean and unbiased standard deviation of a track's mono mix (the mean over channels), by which demucs normalises.
class TrackLevel {
 public:
  /// Takes the track's next frames. Throws Error bad_audio if a sample is not finite.
  void add(const float* const* channels, std::size_t channel_count, std::size_t frames);

  std::size_t frames() const noexcept { return frames_; }
  float mean() const noexcept { return static_cast<float>(mean_); }
  /// What demucs divides by: the deviation + 1e-8. One single frame has none, so it counts as 0 (demucs: NaN).
  float scale() const noexcept;
  /// The same scale with a mean of 0.
  TrackLevel without_mean() const noexcept {
    TrackLevel level = *this;
    level.mean_ = 0;
    return level;
  }

 private:
  std::size_t frames_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of squared distances from the mean
};

}  // namespace demucs_ort
