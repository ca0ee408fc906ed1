#include "separation/track_level.hpp"

#include <cmath>
#include <cstddef>
#include <string>

#include "demucs_ort/error.hpp"

namespace demucs_ort {

void TrackLevel::add(const float* const* channels, std::size_t channel_count, std::size_t frames) {
  if (frames == 0) return;
  const auto mono = [&](std::size_t i) {
    double sum = 0;
    for (std::size_t c = 0; c < channel_count; ++c) sum += static_cast<double>(channels[c][i]);
    return sum / static_cast<double>(channel_count);
  };
  double sum = 0;
  for (std::size_t i = 0; i < frames; ++i) {
    for (std::size_t c = 0; c < channel_count; ++c) {
      if (!std::isfinite(channels[c][i])) {
        throw Error(Status::bad_audio, "the mix holds a sample that is not a finite number (channel " +
                                           std::to_string(c) + ", frame " + std::to_string(frames_ + i) +
                                           "); repair the audio first");
      }
    }
    sum += mono(i);
  }
  const auto count = static_cast<double>(frames);
  const double block_mean = sum / count;
  double block_squares = 0;
  for (std::size_t i = 0; i < frames; ++i) {
    const double distance = mono(i) - block_mean;
    block_squares += distance * distance;
  }
  // Pairwise update of Chan, Golub and LeVeque (1979): stable for any mean.
  const auto before = static_cast<double>(frames_);
  const double shift = block_mean - mean_;
  mean_ += shift * count / (before + count);
  squares_ += block_squares + shift * shift * before * count / (before + count);
  frames_ += frames;
}

float TrackLevel::scale() const noexcept {
  const double variance = frames_ > 1 ? squares_ / static_cast<double>(frames_ - 1) : 0.0;
  return static_cast<float>(std::sqrt(variance)) + 1e-8F;
}

}  // namespace demucs_ort
