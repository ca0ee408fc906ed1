#include "stream/stream_schedule.hpp"

#include <cmath>
#include <cstddef>
#include <string>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"

namespace demucs_ort {
namespace {

constexpr double longest = 60;  // seconds; keeps a mistyped number from filling the memory

[[noreturn]] void bad_stream_option(const std::string& message) { throw Error(Status::invalid_argument, message); }

std::size_t frames_of(const char* name, double seconds, int sample_rate) {
  if (!(seconds >= 0 && seconds <= longest)) bad_stream_option(std::string(name) + " must be 0 to 60 seconds");
  return static_cast<std::size_t>(std::lround(seconds * sample_rate));
}

}  // namespace

StreamTimes::StreamTimes(const StreamOptions& options, int sample_rate, std::size_t blurred)
    : hop(frames_of("hop", options.hop, sample_rate)),
      lookahead(frames_of("lookahead", options.lookahead, sample_rate) + blurred),
      crossfade(frames_of("crossfade", options.crossfade, sample_rate)),
      compute_time(frames_of("compute_time", options.compute_time, sample_rate)) {
  if (hop == 0) bad_stream_option("hop must be at least one frame");
  if (compute_time == 0)
    bad_stream_option("compute_time must be at least one frame, and in practice the time of an inference");
  if (crossfade > hop) bad_stream_option("crossfade must not be longer than hop");
}

StreamSchedule::StreamSchedule(const ModelInfo& info, const StreamOptions& options, std::size_t blurred)
    : StreamTimes(options, info.sample_rate, blurred), segment(info.segment_frames) {
  if (first_end() + blurred > segment) {
    bad_stream_option("hop, crossfade and lookahead take " + std::to_string(first_end() + blurred) +
                      " frames together, but the model hears only " + std::to_string(segment) + " at a time");
  }
}

}  // namespace demucs_ort
