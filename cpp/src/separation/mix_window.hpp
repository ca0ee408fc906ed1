#pragma once

#include <cstddef>
#include <vector>

#include "demucs_ort/separator.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// The stretch of a track that the model hears: read front to back through a callback, normalised, zero outside the
/// track, and laid out as the model's input tensor.
class MixWindow {
 public:
  MixWindow(std::size_t channels, std::size_t frames);

  /// Reads the whole track once and returns its level. Throws Error bad_audio if it is empty or not finite.
  TrackLevel measure(const Read& read);
  /// One step of that: takes the next frames into `level`; false at the track's end.
  bool measure_next(TrackLevel& level, const Read& read);

  /// Starts over before the track's first frame.
  void rewind(const TrackLevel& level, std::ptrdiff_t start);
  /// Moves on to track frames [start, start + frames); `start` may not decrease and the steps not exceed the window.
  void advance_to(std::ptrdiff_t start, const Read& read);

  /// [channel][frame], contiguous.
  const float* data() const noexcept { return samples_.data(); }
  /// The same, from this frame of the track, which must lie inside the window, to the window's end.
  const float* at(std::size_t channel, std::size_t frame) const noexcept {
    return channels_[channel] + (static_cast<std::ptrdiff_t>(frame) - start_);
  }

 private:
  void fill(std::size_t at, std::size_t count, const Read& read);

  std::size_t frames_;
  std::vector<float> samples_;
  std::vector<float*> channels_;
  TrackLevel level_;
  std::ptrdiff_t start_ = 0;
};

}  // namespace demucs_ort
