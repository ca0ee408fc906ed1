#include "separation/mix_spool.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>

namespace demucs_ort {
namespace {

constexpr std::size_t spooled_frames = 1 << 16;

}  // namespace

MixSpool::MixSpool(std::size_t channels, const std::filesystem::path& folder)
    : channels_(channels), file_(folder), last_(channels * spooled_frames), loaded_(last_.size()) {}

void MixSpool::push(const float* const* channels, std::size_t frames, std::size_t stride) {
  for (std::size_t done = 0, count = 0; done < frames; done += count) {
    const std::size_t at = frames_ % spooled_frames;
    count = std::min(frames - done, spooled_frames - at);
    for (std::size_t c = 0; c < channels_; ++c) {
      const float* from = channels[c] + done * stride;
      float* to = last_.data() + c * spooled_frames + at;
      for (std::size_t i = 0; i < count; ++i) to[i] = from[i * stride];
    }
    if (at + count == spooled_frames) file_.put(frames_ / spooled_frames, {std::as_bytes(std::span(last_))});
    frames_ += count;
  }
}

std::size_t MixSpool::read(std::size_t first, std::size_t frames, float* const* channels) {
  const std::size_t wanted = std::min(frames, frames_ - std::min(first, frames_));
  for (std::size_t done = 0, count = 0; done < wanted; done += count) {
    const std::size_t at = (first + done) % spooled_frames;
    count = std::min(wanted - done, spooled_frames - at);
    const float* from = block((first + done) / spooled_frames) + at;
    for (std::size_t c = 0; c < channels_; ++c) std::copy_n(from + c * spooled_frames, count, channels[c] + done);
  }
  return wanted;
}

const float* MixSpool::block(std::size_t index) {
  if (index == frames_ / spooled_frames) return last_.data();
  if (which_ != index) {
    which_.reset();
    file_.get(index, {std::as_writable_bytes(std::span(loaded_))});
    which_ = index;
  }
  return loaded_.data();
}

}  // namespace demucs_ort
