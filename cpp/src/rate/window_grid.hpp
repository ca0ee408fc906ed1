#pragma once

#include <cstddef>
#include <cstdint>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// A number of frames at another sample rate, rounded down.
constexpr std::size_t frames_at(std::size_t frames, int from, int to) noexcept {
  return static_cast<std::size_t>(std::uint64_t{frames} * static_cast<unsigned>(to) / static_cast<unsigned>(from));
}

/// Windows of a host's audio in which a model hears a segment from any of its own frames on. They begin where frames of
/// both rates coincide, and have room for what the resampler needs to know on both sides of the segment. At the
/// model's own rate a window is the segment.
class WindowGrid {
 public:
  struct Place {
    std::ptrdiff_t window;  ///< the window's first frame, at the host's rate
    std::size_t skipped;    ///< frames of the model's rate from there to the segment
  };

  /// At one rate only.
  explicit WindowGrid(std::size_t segment_frames) : segment_frames_(segment_frames), units_(segment_frames) {}
  /// `sample_rate`: the host's.
  WindowGrid(const ModelInfo& model, int sample_rate);

  std::size_t segment_frames() const noexcept { return segment_frames_; }
  /// Of a window, at the host's rate.
  std::size_t frames() const noexcept { return units_ * host_unit_; }
  /// The same at the model's.
  std::size_t model_frames() const noexcept { return units_ * model_unit_; }
  bool is_one_rate() const noexcept { return host_unit_ == model_unit_; }

  /// For the segment that begins at this frame of the track at the model's rate.
  Place place(std::ptrdiff_t segment_start) const noexcept;
  /// The first frame at the host's rate that does not lie before one of the model's, and the way back, in fractions.
  std::ptrdiff_t at_host(std::ptrdiff_t model_frame) const noexcept;
  double at_model(std::ptrdiff_t host_frame) const noexcept;
  /// How long a track is at the model's rate.
  std::size_t length_at_model(std::size_t host_frames) const noexcept;

 private:
  std::size_t segment_frames_;
  std::size_t margin_ = 0;  // at the model's rate
  // So many frames of each rate last equally long.
  std::size_t host_unit_ = 1;
  std::size_t model_unit_ = 1;
  std::size_t units_;  // of a window
};

}  // namespace demucs_ort
