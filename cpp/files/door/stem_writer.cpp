#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/files.hpp"
#include "demucs_ort/separator.hpp"
#include "door/door_error.hpp"
#include "door/made_folders.hpp"
#include "read/audio_reader.hpp"
#include "track/file_name.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"
#include "track/track_files.hpp"

namespace fs = std::filesystem;

namespace demucs_ort {

namespace {

[[noreturn]] void refuse(const std::string& why) { throw Error(Status::invalid_argument, why); }

const std::string stem_file_ending = ".stem.mp4";

StemLayout checked(const StemLayout& layout) {
  check_door_rate(layout.sample_rate);
  if (layout.channels < 1 || layout.channels > 2) {
    refuse("channels is " + std::to_string(layout.channels) + "; stems have 1 or 2");
  }
  if (layout.frames > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / max_door_rate) {
    refuse("frames is " + std::to_string(layout.frames) + "; no track is that long");
  }
  if (layout.stems.empty()) refuse("there are no stems to write");
  std::set<std::string> names;
  for (const auto& stem : layout.stems) {
    const bool usable = !stem.empty() && stem != "." && stem != ".." &&
                        stem.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
    if (!usable) refuse("the stem name '" + stem + "' cannot be part of a file's name; choose another one");
    if (!names.insert(stem).second) refuse("two stems are called '" + stem + "'");
  }
  return layout;
}

FileSettings settings_of(const StemLayout& layout, const StemWriterOptions& options) {
  FileRequest request;
  if (options.bitrate > 512) refuse("bitrate is " + std::to_string(options.bitrate) + "; it is 8 to 512 kbit/s");
  request.encoding = {options.format,      options.codec,    options.bit_depth, static_cast<int>(options.bitrate),
                      options.sample_rate, options.clip_mode};
  request.stem_file = {options.stem_names, options.stem_colors, options.fold, options.preserve_mix, options.sum_mix};
  request.file_name = options.file_name;
  FileSettings settings = make_file_settings(request, false);
  if (makes_stem_file(settings)) {
    if (layout.channels != 2) refuse("a stem file is stereo; its stems have 2 channels");
    if (!options.file_name.empty()) refuse("a stem file is called as the target says; leave out file_name");
    if (options.preserve_mix && options.song.empty()) refuse("there is no mix to preserve; name the song");
  } else if (options.song.empty() && options.file_name.find("{track}") != std::string::npos) {
    refuse("the file name pattern '" + options.file_name + "' has {track}, but there is no song");
  }
  return settings;
}

/// The song, the folder, and what {track} stands for in the names of the files.
TrackJob job_of(const fs::path& target, const StemWriterOptions& options, const FileSettings& settings) {
  if (target.empty()) refuse("there is no target; name a folder or a stem file");
  if (!makes_stem_file(settings)) {
    return {options.song, target, demucs_ort::utf8(track_name(options.song))};
  }
  const std::string name = utf8(target.filename());
  if (name.size() <= stem_file_ending.size() || !name.ends_with(stem_file_ending)) {
    refuse("'" + utf8(target) + "' is no name of a stem file; let it end in " + stem_file_ending);
  }
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  return {options.song, folder, name.substr(0, name.size() - stem_file_ending.size())};
}

}  // namespace

struct StemWriter::Impl {
  Impl(const fs::path& target, const StemLayout& given, const StemWriterOptions& options);

  void open();
  std::uint64_t decode(AudioReader& song) const;
  void write(std::size_t first, std::size_t frames, const float* const* const* stems);
  void check(std::size_t first, std::size_t frames, const float* const* const* stems) const;
  std::vector<fs::path> finish();
  void expect_open() const;
  template <typename Work>
  auto or_abandon(const Work& work);

  StemLayout layout;
  FileSettings settings;
  TrackJob job;
  std::optional<std::uint64_t> expected;  // frames
  std::uint64_t written = 0;
  std::vector<std::string> song_warnings;
  std::vector<std::string> warnings;
  std::optional<MadeFolders> made;
  std::optional<TrackFiles> files;  // none: finished or abandoned
};

StemWriter::Impl::Impl(const fs::path& target, const StemLayout& given, const StemWriterOptions& options)
    : layout(checked(given)),
      settings(settings_of(given, options)),
      job(job_of(target, options, settings)),
      made(std::in_place, job.folder),
      files(std::in_place, layout.stems, job, settings) {
  if (layout.frames > 0) expected = layout.frames;
  open();
}

void StemWriter::Impl::open() {
  std::optional<AudioReader> song;
  std::optional<std::uint64_t> told = expected;
  if (!job.input.empty()) {
    const std::uint64_t length = decode(song.emplace(job.input, layout.sample_rate, layout.channels));
    const bool is_mix = makes_stem_file(settings) && !settings.stem_file.sum_mix;
    if (is_mix && told.value_or(length) != length) {
      throw Error(Status::bad_audio, "'" + utf8(job.input) + "' has " + std::to_string(length) + " frames at " +
                                         std::to_string(layout.sample_rate) + " Hz and its stems " +
                                         std::to_string(*told) + "; a mix is as long as its stems");
    }
    expected = told.value_or(length);
    if (told == length) told.reset();  // then the song's own length is the most exact one
    song_warnings = song->warnings();
  }
  files->open(song ? &*song : nullptr, layout.sample_rate, layout.channels, told);
}

/// Decodes the song to its end and returns its length at the stems' rate.
std::uint64_t StemWriter::Impl::decode(AudioReader& song) const {
  constexpr std::size_t block = 1 << 16;
  std::vector<std::vector<float>> unheard(layout.channels, std::vector<float>(block));
  std::vector<float*> rows;
  for (auto& channel : unheard) rows.push_back(channel.data());
  std::size_t length = 0;
  std::size_t got = block;
  for (; got == block; length += got) got = song.read(length, block, rows.data());
  if (length == 0) throw Error(Status::bad_audio, "'" + utf8(job.input) + "' holds no audio");
  return length;
}

void StemWriter::Impl::expect_open() const {
  if (!files) refuse("the stem writer was finished or abandoned; make another one");
}

/// Does `work`; if it fails, nothing is left of the files.
template <typename Work>
auto StemWriter::Impl::or_abandon(const Work& work) {
  expect_open();
  try {
    return through_the_door(work);
  } catch (...) {
    files.reset();
    made.reset();
    throw;
  }
}

void StemWriter::Impl::check(std::size_t first, std::size_t frames, const float* const* const* stems) const {
  if (first != written) {
    refuse("frames from " + std::to_string(first) + " on were written, but the next one is " + std::to_string(written));
  }
  if (expected && frames > *expected - written) {
    refuse(std::to_string(written + frames) + " frames were written, but there should be " + std::to_string(*expected));
  }
  for (std::size_t s = 0; s < layout.stems.size(); ++s) {
    for (std::size_t c = 0; c < layout.channels; ++c) {
      const float* samples = stems[s][c];
      const float* bad =
          std::find_if_not(samples, samples + frames, [](float sample) { return std::isfinite(sample); });
      if (bad == samples + frames) continue;
      throw Error(Status::bad_audio, "the stem '" + layout.stems[s] + "' is NaN or infinite at frame " +
                                         std::to_string(first + static_cast<std::size_t>(bad - samples)));
    }
  }
}

void StemWriter::Impl::write(std::size_t first, std::size_t frames, const float* const* const* stems) {
  or_abandon([&] {
    check(first, frames, stems);
    files->write(frames, stems);
    written += frames;
  });
}

std::vector<fs::path> StemWriter::Impl::finish() {
  auto names = or_abandon([&] {
    if (expected && written < *expected) {
      refuse(std::to_string(written) + " frames were written, but there should be " + std::to_string(*expected));
    }
    if (written == 0) throw Error(Status::bad_audio, "no frames were written; stems of nothing make no file");
    auto finals = files->commit();
    warnings = song_warnings;
    for (const auto& sentence : files->warnings()) warnings.push_back(sentence);
    return finals;
  });
  files.reset();
  made.reset();
  return names;
}

StemWriter::StemWriter(const fs::path& target, const StemLayout& layout, const StemWriterOptions& options)
    : impl_(through_the_door([&] { return std::make_unique<Impl>(target, layout, options); })) {}
StemWriter::StemWriter(StemWriter&&) noexcept = default;
StemWriter& StemWriter::operator=(StemWriter&&) noexcept = default;
StemWriter::~StemWriter() = default;

void StemWriter::write(std::size_t first, std::size_t frames, const float* const* const* stems) {
  impl_->write(first, frames, stems);
}

Write StemWriter::as_write() {
  return [impl = impl_.get()](std::size_t first, std::size_t frames, const float* const* const* stems) {
    impl->write(first, frames, stems);
  };
}

std::vector<fs::path> StemWriter::finish() { return impl_->finish(); }

void StemWriter::abandon() noexcept {
  impl_->files.reset();
  impl_->made.reset();
}

std::vector<std::string> StemWriter::warnings() const { return impl_->warnings; }

}  // namespace demucs_ort
