#include "write/file_tags.hpp"

#include "common/encoding.hpp"
#include "common/tags.hpp"

extern "C" {
#include <libavutil/base64.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ffmpeg.hpp"
#include "write/id3_frames.hpp"
#include "write/mp4_boxes.hpp"
#include "write/vorbis_comment.hpp"
#include "write/wav_header.hpp"

inline namespace demucs_ort_files {

namespace {

/// What the containers call the tags for which FFmpeg has no generic name.
struct ContainerNames {
  const char* name;
  const char* id3;
  const char* vorbis;
  const char* mp4;  // what FFmpeg's MP4 writer calls it; nullptr: a freeform box
};
constexpr std::array special_tags = {
    ContainerNames{"bpm", "TBPM", "BPM", "tmpo"},
    ContainerNames{"initialkey", "TKEY", "INITIALKEY", nullptr},
    ContainerNames{"isrc", "TSRC", "ISRC", nullptr},
};

const ContainerNames* special(const std::string& name) {
  const auto* found = std::find_if(special_tags.begin(), special_tags.end(),
                                   [&](const ContainerNames& tag) { return name == tag.name; });
  return found == special_tags.end() ? nullptr : found;
}

const std::string* find_tag(const Tags& tags, const char* name) {
  const auto found =
      std::find_if(tags.text.begin(), tags.text.end(), [&](const auto& tag) { return tag.first == name; });
  return found == tags.text.end() ? nullptr : &found->second;
}

bool is_mp4(Format format) { return format == Format::m4a || format == Format::stem_mp4; }

/// The names that FFmpeg's MP4 writer has boxes for.
bool mp4_has_box(const std::string& name) {
  static constexpr std::array names = {
      "title",     "artist",   "album_artist", "composer",    "album",      "date",          "comment",     "genre",
      "copyright", "grouping", "lyrics",       "description", "synopsis",   "show",          "episode_id",  "network",
      "keywords",  "track",    "disc",         "compilation", "media_type", "season_number", "episode_sort"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Whether FFmpeg cannot write the tag: into MP4 only those that have a box, into mp3 no comments and no lyrics.
bool is_rest(Format format, const std::string& name) {
  if (format == Format::mp3) return name == "comment" || is_lyrics(name);
  const ContainerNames* tag = special(name);
  return is_mp4(format) && (tag != nullptr ? tag->mp4 == nullptr : !mp4_has_box(name));
}

std::string container_name(Format format, const std::string& name) {
  const ContainerNames* tag = special(name);
  if (tag == nullptr) return name;
  return is_mp4(format) ? tag->mp4 : format == Format::mp3 ? tag->id3 : tag->vorbis;
}

/// The MP4 box of the tempo holds a whole number, others the text. The C library's own functions for numbers follow the
/// host's locale.
std::string written_value(Format format, const std::string& name, const std::string& value) {
  if (!is_mp4(format) || name != "bpm") return value;
  long tempo = 0;
  const auto whole = std::from_chars(value.data(), value.data() + value.size(), tempo);
  const std::string_view fraction(whole.ptr, static_cast<std::size_t>(value.data() + value.size() - whole.ptr));
  if (fraction.size() > 1 && (fraction[0] == '.' || fraction[0] == ',') && fraction[1] >= '5' && fraction[1] <= '9') {
    ++tempo;
  }
  return std::to_string(tempo);
}

/// FLAC's picture block in base64, which is how Vorbis comments hold a picture (https://wiki.xiph.org/VorbisComment).
std::string picture_comment(const Tags& tags) {
  std::vector<std::uint8_t> block;
  const auto number = [&](std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) block.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  const std::string_view mime = tags.picture_is_png ? "image/png" : "image/jpeg";
  number(3);  // front cover
  number(mime.size());
  block.insert(block.end(), mime.begin(), mime.end());
  number(0);  // no description
  number(static_cast<std::size_t>(tags.picture_width));
  number(static_cast<std::size_t>(tags.picture_height));
  number(24);  // bits per pixel
  number(0);   // no palette
  number(tags.picture.size());
  block.insert(block.end(), tags.picture.begin(), tags.picture.end());
  std::string text(AV_BASE64_SIZE(block.size()), '\0');
  av_base64_encode(text.data(), static_cast<int>(text.size()), block.data(), static_cast<int>(block.size()));
  text.pop_back();  // the terminating zero
  return text;
}

}  // namespace

TextTags set_text_tags(AVFormatContext* output, Format format, const Tags& tags) {
  TextTags rest;
  const bool vorbis = format == Format::flac || format == Format::ogg;
  if (const std::string* comment = find_tag(tags, "comment"); vorbis && comment != nullptr) {
    av_dict_set(&output->metadata, vorbis_comment_stand_in, comment->c_str(), 0);
    rest.emplace_back("comment", *comment);
  }
  bool has_lyrics = false;
  for (const auto& [name, value] : tags.text) {
    const bool first_lyrics = is_lyrics(name) && !std::exchange(has_lyrics, has_lyrics || is_lyrics(name));
    const std::string generic = first_lyrics ? "lyrics" : name;
    if (vorbis && name == "comment") continue;
    if (is_rest(format, generic)) {
      rest.emplace_back(name, value);
    } else {
      av_dict_set(&output->metadata, container_name(format, generic).c_str(),
                  written_value(format, name, value).c_str(), 0);
    }
  }
  if (format == Format::mp3) output->metadata_header_padding = static_cast<int>(id3_frames(rest).size());
  if (format == Format::wav && find_tag(tags, "time_reference") != nullptr) {
    av_opt_set_int(output->priv_data, "write_bext", 1, 0);
  }
  if (format == Format::ogg && !tags.picture.empty()) {
    av_dict_set(&output->metadata, "METADATA_BLOCK_PICTURE", picture_comment(tags).c_str(), 0);
  }
  return rest;
}

void add_rest(const std::filesystem::path& file, Format format, const TextTags& rest, const std::string& stem) {
  if (format == Format::wav) name_plain_wav_format(file);
  if (rest.empty() && stem.empty()) return;
  switch (format) {
    case Format::m4a:
    case Format::stem_mp4:
      add_mp4_boxes(file, stem, rest);
      break;
    case Format::mp3:
      add_id3_frames(file, id3_frames(rest));
      break;
    case Format::flac:
    case Format::ogg:
      name_vorbis_comment(file);
      break;
    case Format::wav:
      break;
  }
}

int add_picture_stream(AVFormatContext* output, Format format, const Tags& tags) {
  if (tags.picture.empty() || format == Format::wav || format == Format::ogg) return -1;
  AVStream* stream = allocated(avformat_new_stream(output, nullptr));
  stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
  stream->codecpar->codec_id = tags.picture_is_png ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG;
  stream->codecpar->width = tags.picture_width;
  stream->codecpar->height = tags.picture_height;
  stream->disposition = AV_DISPOSITION_ATTACHED_PIC;
  av_dict_set(&stream->metadata, "comment", front_cover, 0);
  return stream->index;
}

int write_picture(AVFormatContext* output, int stream, const Tags& tags) {
  if (stream < 0) return 0;
  const PacketPtr packet(allocated(av_packet_alloc()));
  if (const int status = av_new_packet(packet.get(), static_cast<int>(tags.picture.size())); status < 0) return status;
  std::copy(tags.picture.begin(), tags.picture.end(), packet->data);
  packet->stream_index = stream;
  packet->flags |= AV_PKT_FLAG_KEY;
  packet->pts = packet->dts = 0;
  return av_interleaved_write_frame(output, packet.get());
}

}  // namespace demucs_ort_files
