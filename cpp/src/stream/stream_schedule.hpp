#pragma once

#include <cstddef>
#include <cstdint>

#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"

namespace demucs_ort {

/// The times of a stream in frames, which need no model.
struct StreamTimes {
  std::size_t hop;
  std::size_t lookahead;
  std::size_t crossfade;
  std::size_t compute_time;

  /// `sample_rate`: the stream's. `blurred`: frames at both ends of a window whose stems are worth less, and which are
  /// not given therefore. Throws Error invalid_argument if an option is out of range.
  StreamTimes(const StreamOptions& options, int sample_rate, std::size_t blurred);

  /// The frames that must have come before the first window can be computed; each later one needs a hop more.
  std::size_t first_end() const noexcept { return hop + crossfade + lookahead; }
  std::size_t latency() const noexcept { return first_end() + compute_time; }
};

/// Which frames each window of a stream hears and gives, counted from the stream's start.
struct StreamSchedule : StreamTimes {
  std::size_t segment;

  /// `blurred`: as of StreamTimes. Throws Error invalid_argument if an option is out of range for the model.
  StreamSchedule(const ModelInfo& info, const StreamOptions& options, std::size_t blurred = 0);

  /// Windows that can be computed of the stream's first `frames` frames.
  std::uint64_t complete(std::uint64_t frames) const noexcept {
    return frames < first_end() ? 0 : (frames - first_end()) / hop + 1;
  }
  /// Where in a window the frames begin that it gives: `piece` of them, its hop and what is faded out after it.
  std::size_t skipped() const noexcept { return segment - first_end(); }
  std::size_t piece() const noexcept { return hop + crossfade; }
};

}  // namespace demucs_ort
