#include "deck/track_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>

#include "base/cancel_state.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

TrackReader::TrackReader(Read read, std::size_t frames) : read_(std::move(read)), frames_(frames) {
  if (frames == 0) throw Error(Status::bad_audio, "the track is empty; there is nothing to separate");
  constexpr std::size_t max_frames = std::size_t{1} << 40U;
  if (frames > max_frames) {
    throw Error(Status::invalid_argument, "a track of " + std::to_string(frames) + " frames is absurd");
  }
  if (!read_) throw Error(Status::invalid_argument, "a Deck needs a read callback");
}

std::size_t TrackReader::read(std::size_t first, std::size_t frames, float* const* channels,
                              const CancelToken& cancel) {
  const std::size_t wanted = std::min(frames, frames_ - first);
  if (wanted == 0) return 0;
  const std::lock_guard lock(one_at_a_time_);
  throw_if_cancelled(cancel);
  const std::size_t got = read_(first, wanted, channels);
  if (got != wanted) {
    throw Error(Status::bad_audio, "the read callback delivered " + std::to_string(got) + " instead of " +
                                       std::to_string(wanted) + " frames from frame " + std::to_string(first) +
                                       " on; the track must be as long as was said");
  }
  return got;
}

Read TrackReader::reader(const CancelToken& cancel) {
  return [this, cancel](std::size_t first, std::size_t frames, float* const* channels) {
    return read(first, frames, channels, cancel);
  };
}

}  // namespace demucs_ort
