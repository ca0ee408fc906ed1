#include "read/read_ahead.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <vector>

#include "read/audio_reader.hpp"

inline namespace demucs_ort_files {

namespace {

constexpr std::size_t block_frames = 1 << 16;
constexpr std::size_t blocks_ahead = 4;  // 6 s at 44.1 kHz, 2 MB in stereo
constexpr int passes = 2;

}  // namespace

ReadAhead::ReadAhead(AudioReader& reader, std::size_t channels)
    : reader_(reader), channels_(channels), queue_(blocks_ahead), thread_([this] { work(); }) {}

void ReadAhead::work() noexcept {
  try {
    decode();
  } catch (...) {
    failure_ = std::current_exception();
  }
  queue_.end();
}

void ReadAhead::decode() {
  for (int pass = 0; pass < passes; ++pass) {
    std::size_t position = 0;
    std::size_t got = block_frames;
    while (got == block_frames) {
      Block* block = queue_.to_fill();
      if (block == nullptr) return;
      block->samples.resize(channels_);
      std::vector<float*> rows;
      for (auto& channel : block->samples) {
        channel.resize(block_frames);
        rows.push_back(channel.data());
      }
      got = block->frames = reader_.read(position, block_frames, rows.data());
      position += got;
      queue_.filled();
    }
  }
}

std::size_t ReadAhead::read(std::size_t first, std::size_t frames, float* const* channels) {
  if (first == 0) ended_ = false;
  std::size_t delivered = 0;
  while (delivered < frames && !ended_) {
    const Block* block = queue_.to_empty();
    if (block == nullptr) {
      if (failure_) std::rethrow_exception(failure_);
      break;
    }
    const std::size_t count = std::min(block->frames - taken_, frames - delivered);
    for (std::size_t c = 0; c < channels_; ++c) {
      std::copy_n(block->samples[c].data() + taken_, count, channels[c] + delivered);
    }
    taken_ += count;
    delivered += count;
    if (taken_ < block->frames) break;
    ended_ = block->frames < block_frames;
    taken_ = 0;
    queue_.emptied();
  }
  return delivered;
}

}  // namespace demucs_ort_files
