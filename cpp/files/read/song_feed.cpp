#include "read/song_feed.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>

inline namespace demucs_ort_files {

namespace {

constexpr std::size_t stereo = 2;

}  // namespace

SongFeed::SongFeed(const std::filesystem::path& file, int rate)
    : reader_(file, rate, stereo), samples_(stereo), channels_(stereo) {}

void SongFeed::measure() {
  constexpr std::size_t block = 1 << 16;
  std::size_t before = 0;
  do {
    before = position_;
    read(block);
  } while (position_ == before + block);
  position_ = 0;
}

const float* const* SongFeed::read(std::size_t frames) {
  for (std::size_t c = 0; c < stereo; ++c) {
    samples_[c].resize(std::max(samples_[c].size(), frames));
    channels_[c] = samples_[c].data();
  }
  const std::size_t got = reader_.read(position_, frames, channels_.data());
  position_ += got;
  for (auto& channel : samples_) std::fill(channel.begin() + static_cast<std::ptrdiff_t>(got), channel.end(), 0.0F);
  return channels_.data();
}

}  // namespace demucs_ort_files
