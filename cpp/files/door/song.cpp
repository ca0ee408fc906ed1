#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ffmpeg_setup.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/files.hpp"
#include "demucs_ort/separator.hpp"
#include "door/door_error.hpp"
#include "read/audio_reader.hpp"

namespace demucs_ort {

void set_up_ffmpeg() noexcept { ::set_up_ffmpeg(); }

struct Song::Impl {
  Impl(const std::filesystem::path& file, int rate, std::size_t channel_count)
      : reader(file, rate, channel_count), channels(channel_count) {
    info.sample_rate = reader.declared_rate();
    info.channels = reader.declared_channels();
    info.frames = reader.declared_frames();
    for (const auto& [name, value] : reader.tags().text) info.tags.emplace(name, value);
  }

  std::size_t read(std::size_t first, std::size_t frames, float* const* rows);
  void skip(std::size_t frames);

  AudioReader reader;
  std::size_t channels;
  SongInfo info;
  std::size_t position = 0;          // of the next frame that the reader gives
  std::optional<std::size_t> total;  // once the end was seen
};

std::size_t Song::Impl::read(std::size_t first, std::size_t frames, float* const* rows) {
  if (first < position) position = 0;  // where the reader starts over
  skip(first - position);
  if (position < first) return 0;
  const std::size_t got = reader.read(position, frames, rows);
  position += got;
  if (got < frames && !total) {
    total = position;
    info.sample_rate = reader.found().rate;
    info.frames = reader.found().frames;
  }
  return got;
}

/// Decodes frames that nobody asked for, up to the end if need be.
void Song::Impl::skip(std::size_t frames) {
  constexpr std::size_t most = 1 << 16;
  std::vector<std::vector<float>> unheard(frames > 0 ? channels : 0, std::vector<float>(std::min(frames, most)));
  std::vector<float*> rows;
  for (auto& channel : unheard) rows.push_back(channel.data());
  while (frames > 0) {
    const std::size_t count = std::min(frames, most);
    const std::size_t got = read(position, count, rows.data());
    if (got < count) return;
    frames -= got;
  }
}

Song::Song(const std::filesystem::path& file, int sample_rate, std::size_t channels) {
  check_door_rate(sample_rate);
  if (channels < 1 || channels > 8) {
    throw Error(Status::invalid_argument, "channels is " + std::to_string(channels) + "; it is 1 to 8");
  }
  impl_ = through_the_door([&] { return std::make_unique<Impl>(file, sample_rate, channels); });
}
Song::Song(Song&&) noexcept = default;
Song& Song::operator=(Song&&) noexcept = default;
Song::~Song() = default;

const SongInfo& Song::info() const noexcept { return impl_->info; }

std::size_t Song::read(std::size_t first, std::size_t frames, float* const* channels) {
  return through_the_door([&] { return impl_->read(first, frames, channels); });
}

std::size_t Song::measure() {
  return through_the_door([&] {
    if (!impl_->total) impl_->skip(std::numeric_limits<std::size_t>::max() - impl_->position);
    return *impl_->total;
  });
}

Read Song::as_read() {
  return [impl = impl_.get()](std::size_t first, std::size_t frames, float* const* channels) {
    return through_the_door([&] { return impl->read(first, frames, channels); });
  };
}

std::vector<std::string> Song::warnings() const { return impl_->reader.warnings(); }

}  // namespace demucs_ort
