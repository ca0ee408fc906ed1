#include "separation/mix_window.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

MixWindow::MixWindow(std::size_t channels, std::size_t frames) : frames_(frames), samples_(channels * frames) {
  for (std::size_t c = 0; c < channels; ++c) channels_.push_back(samples_.data() + c * frames);
}

TrackLevel MixWindow::measure(const Read& read) {
  TrackLevel level;
  while (measure_next(level, read)) {
  }
  if (level.frames() == 0) throw Error(Status::bad_audio, "the track is empty; there is nothing to separate");
  return level;
}

bool MixWindow::measure_next(TrackLevel& level, const Read& read) {
  const std::size_t got = read(level.frames(), frames_, channels_.data());
  if (got > frames_) throw Error(Status::invalid_argument, "the read callback returned more frames than asked for");
  level.add(channels_.data(), channels_.size(), got);
  return got == frames_;
}

void MixWindow::rewind(const TrackLevel& level, std::ptrdiff_t start) {
  level_ = level;
  std::fill(samples_.begin(), samples_.end(), 0.0F);
  // As if the window had stood just before `start`: the first advance_to fills all of it.
  start_ = start - static_cast<std::ptrdiff_t>(frames_);
}

void MixWindow::advance_to(std::ptrdiff_t start, const Read& read) {
  const auto step = static_cast<std::size_t>(start - start_);
  for (float* channel : channels_) std::copy(channel + step, channel + frames_, channel);
  start_ = start;
  fill(frames_ - step, step, read);
}

void MixWindow::fill(std::size_t at, std::size_t count, const Read& read) {
  const std::ptrdiff_t first = start_ + static_cast<std::ptrdiff_t>(at);
  const auto track_end = static_cast<std::ptrdiff_t>(level_.frames());
  const std::ptrdiff_t from = std::clamp<std::ptrdiff_t>(first, 0, track_end);
  const std::ptrdiff_t to = std::clamp<std::ptrdiff_t>(first + static_cast<std::ptrdiff_t>(count), 0, track_end);
  for (float* channel : channels_) std::fill(channel + at, channel + at + count, 0.0F);
  if (from == to) return;

  const auto wanted = static_cast<std::size_t>(to - from);
  std::vector<float*> targets;
  for (float* channel : channels_) targets.push_back(channel + at + (from - first));
  if (read(static_cast<std::size_t>(from), wanted, targets.data()) != wanted) {
    throw Error(Status::bad_audio, "the track became shorter while it was being separated");
  }
  const float mean = level_.mean();
  const float scale = level_.scale();
  for (float* target : targets) {
    for (std::size_t i = 0; i < wanted; ++i) target[i] = (target[i] - mean) / scale;
  }
}

}  // namespace demucs_ort
