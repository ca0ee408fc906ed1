#pragma once

#include <cstddef>
#include <mutex>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

/// Calls a deck's read callback: one call at a time, inside the track, and as many frames as were asked for.
class TrackReader {
 public:
  /// Throws Error: bad_audio (no frames), invalid_argument (no callback, or absurdly many frames).
  TrackReader(Read read, std::size_t frames);

  std::size_t frames() const noexcept { return frames_; }
  /// Returns the frames read, fewer than asked for only at the track's end. Throws Error bad_audio if the track is
  /// shorter than was said, Error cancelled, and what the callback throws. Thread-safe.
  std::size_t read(std::size_t first, std::size_t frames, float* const* channels, const CancelToken& cancel);
  /// The same as a callback.
  Read reader(const CancelToken& cancel);

 private:
  Read read_;
  std::size_t frames_;
  std::mutex one_at_a_time_;  // calls of read_
};

}  // namespace demucs_ort
