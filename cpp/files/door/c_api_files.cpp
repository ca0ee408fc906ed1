#include "demucs_ort/c_api_files.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "c_api/c_api_support.hpp"
#include "demucs_ort/c_api.h"
#include "demucs_ort/error.hpp"
#include "demucs_ort/files.hpp"

using namespace demucs_ort;
using namespace demucs_ort::c_api;

struct demucs_ort_song {
  Song song;
  std::size_t channels;
};

struct demucs_ort_stem_writer {
  StemWriter writer;
  std::size_t stems;
  std::size_t channels;
  std::vector<std::string> files;
};

namespace {

constexpr std::size_t first_song_info = DEMUCS_ORT_FIRST_SIZE(demucs_ort_song_info, sample_rate);
constexpr std::size_t first_layout = DEMUCS_ORT_FIRST_SIZE(demucs_ort_stem_layout, sample_rate);
constexpr std::size_t first_writer_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_stem_writer_options, sum_mix);
static_assert(never_changes(first_song_info, 32) && never_changes(first_layout, 48) &&
              never_changes(first_writer_options, 120));

using Take = void (*)(void* user_data, const char* sentence);

void hand_out(const std::vector<std::string>& sentences, Take take, void* user_data) {
  if (take == nullptr) throw Error(Status::invalid_argument, "take is NULL");
  for (const auto& sentence : sentences) take(user_data, sentence.c_str());
}

std::map<std::string, std::string> pairs(const char* const* words, std::size_t count, const char* what) {
  std::map<std::string, std::string> found;
  if (count == 0) return found;
  require_list(words, count, what);
  require_all(words, 2 * count, what);
  for (std::size_t i = 0; i < count; ++i) found[words[2 * i]] = words[2 * i + 1];
  return found;
}

StemLayout convert_layout(const demucs_ort_stem_layout* given) {
  const auto known = known_options(given, first_layout);
  require_all(known.stems, known.stem_count, "stems");
  StemLayout layout;
  layout.stems.assign(known.stems, known.stems + known.stem_count);
  layout.sample_rate = known.sample_rate;
  layout.channels = known.channels;
  layout.frames = known.frames;
  return layout;
}

StemWriterOptions convert_options(const demucs_ort_stem_writer_options* given) {
  StemWriterOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_writer_options);
  if (known.format != nullptr) options.format = known.format;
  options.codec = text(known.codec);
  options.bit_depth = text(known.bit_depth);
  options.clip_mode = text(known.clip_mode);
  options.file_name = text(known.file_name);
  options.song = path(known.song);
  options.stem_names = pairs(known.stem_names, known.stem_name_count, "stem_names");
  options.stem_colors = pairs(known.stem_colors, known.stem_color_count, "stem_colors");
  options.fold = pairs(known.fold, known.fold_count, "fold");
  options.bitrate = known.bitrate;
  options.sample_rate = known.sample_rate;
  options.preserve_mix = known.preserve_mix != 0;
  options.sum_mix = known.sum_mix != 0;
  return options;
}

}  // namespace

void demucs_ort_set_up_ffmpeg(void) { demucs_ort::set_up_ffmpeg(); }

demucs_ort_status demucs_ort_song_open(const char* file, int32_t sample_rate, size_t channels, demucs_ort_song** song) {
  return status_of([&] {
    require(file, "path");
    require(song, "song");
    *song = new demucs_ort_song{Song(path(file), sample_rate, channels), channels};
  });
}

void demucs_ort_song_free(demucs_ort_song* song) { delete song; }

demucs_ort_status demucs_ort_song_get_info(const demucs_ort_song* song, demucs_ort_song_info* info) {
  return status_of([&] {
    require(song, "song");
    require(info, "info");
    const SongInfo& from = song->song.info();
    demucs_ort_song_info known{};
    known.frames = from.frames;
    known.channels = from.channels;
    known.sample_rate = from.sample_rate;
    fill(info, known, info->struct_size, first_song_info);
  });
}

const char* demucs_ort_song_tag(const demucs_ort_song* song, const char* name) {
  if (song == nullptr || name == nullptr) return nullptr;
  // No look-up by a std::string, which takes memory.
  const auto& tags = song->song.info().tags;
  const auto found = std::find_if(tags.begin(), tags.end(), [&](const auto& tag) { return tag.first == name; });
  return found == tags.end() ? nullptr : found->second.c_str();
}

demucs_ort_status demucs_ort_song_read(demucs_ort_song* song, size_t first, size_t frames, float* const* channels,
                                       size_t* delivered) {
  return status_of([&] {
    require(song, "song");
    require(delivered, "delivered");
    require_all(channels, song->channels, "channels");
    *delivered = song->song.read(first, frames, channels);
  });
}

demucs_ort_status demucs_ort_song_measure(demucs_ort_song* song, size_t* frames) {
  return status_of([&] {
    require(song, "song");
    require(frames, "frames");
    *frames = song->song.measure();
  });
}

demucs_ort_status demucs_ort_song_warnings(const demucs_ort_song* song, Take take, void* user_data) {
  return status_of([&] {
    require(song, "song");
    hand_out(song->song.warnings(), take, user_data);
  });
}

demucs_ort_status demucs_ort_stem_layout_init(demucs_ort_stem_layout* layout, size_t struct_size) {
  return status_of([&] {
    require(layout, "layout");
    const StemLayout defaults;
    demucs_ort_stem_layout known{};
    known.channels = defaults.channels;
    known.sample_rate = defaults.sample_rate;
    fill(layout, known, struct_size, first_layout);
  });
}

demucs_ort_status demucs_ort_stem_writer_options_init(demucs_ort_stem_writer_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    fill(options, demucs_ort_stem_writer_options{}, struct_size, first_writer_options);
  });
}

demucs_ort_status demucs_ort_stem_writer_create(const char* target, const demucs_ort_stem_layout* layout,
                                                const demucs_ort_stem_writer_options* options,
                                                demucs_ort_stem_writer** writer) {
  return status_of([&] {
    require(target, "target");
    require(layout, "layout");
    require(writer, "writer");
    const StemLayout known = convert_layout(layout);
    *writer = new demucs_ort_stem_writer{
        StemWriter(path(target), known, convert_options(options)), known.stems.size(), known.channels, {}};
  });
}

void demucs_ort_stem_writer_free(demucs_ort_stem_writer* writer) { delete writer; }

demucs_ort_status demucs_ort_stem_writer_write(demucs_ort_stem_writer* writer, size_t first, size_t frames,
                                               const float* const* const* stems) {
  return status_of([&] {
    require(writer, "writer");
    require_all(stems, writer->stems, "stems");
    for (std::size_t s = 0; s < writer->stems; ++s) require_all(stems[s], writer->channels, "a stem's channels");
    writer->writer.write(first, frames, stems);
  });
}

demucs_ort_status demucs_ort_stem_writer_finish(demucs_ort_stem_writer* writer) {
  return status_of([&] {
    require(writer, "writer");
    for (const auto& file : writer->writer.finish()) writer->files.push_back(utf8(file));
  });
}

void demucs_ort_stem_writer_abandon(demucs_ort_stem_writer* writer) {
  if (writer != nullptr) writer->writer.abandon();
}

const char* demucs_ort_stem_writer_file(const demucs_ort_stem_writer* writer, size_t index) {
  return writer != nullptr && index < writer->files.size() ? writer->files[index].c_str() : nullptr;
}

demucs_ort_status demucs_ort_stem_writer_warnings(const demucs_ort_stem_writer* writer, Take take, void* user_data) {
  return status_of([&] {
    require(writer, "writer");
    hand_out(writer->writer.warnings(), take, user_data);
  });
}
