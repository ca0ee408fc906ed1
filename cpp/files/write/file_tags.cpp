#include "write/file_tags.hpp"

#include "common/encoding.hpp"
#include "common/tags.hpp"

extern "C" {
#include <libavutil/base64.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/ffmpeg.hpp"

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

/// The names that FFmpeg's MP4 writer has boxes for.
bool mp4_has_box(const std::string& name) {
  static constexpr std::array names = {
      "title",     "artist",   "album_artist", "composer",    "album",      "date",          "comment",     "genre",
      "copyright", "grouping", "lyrics",       "description", "synopsis",   "show",          "episode_id",  "network",
      "keywords",  "track",    "disc",         "compilation", "media_type", "season_number", "episode_sort"};
  return std::find(names.begin(), names.end(), name) != names.end();
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
  TextTags freeform;
  const bool mp4 = format == Format::m4a || format == Format::stem_mp4;
  for (const auto& [name, value] : tags.text) {
    const ContainerNames* tag = special(name);
    if (mp4 && (tag != nullptr ? tag->mp4 == nullptr : !mp4_has_box(name))) {
      freeform.emplace_back(name, value);
      continue;
    }
    const char* key = name.c_str();
    if (tag != nullptr) key = mp4 ? tag->mp4 : format == Format::mp3 ? tag->id3 : tag->vorbis;
    // The MP4 box of the tempo holds a whole number.
    const bool tempo = mp4 && tag != nullptr;
    const std::string written = tempo ? std::to_string(std::lround(std::atof(value.c_str()))) : value;
    av_dict_set(&output->metadata, key, written.c_str(), 0);
  }
  if (format == Format::ogg && !tags.picture.empty()) {
    av_dict_set(&output->metadata, "METADATA_BLOCK_PICTURE", picture_comment(tags).c_str(), 0);
  }
  return freeform;
}

int add_picture_stream(AVFormatContext* output, Format format, const Tags& tags) {
  if (tags.picture.empty() || format == Format::wav || format == Format::ogg) return -1;
  AVStream* stream = allocated(avformat_new_stream(output, nullptr));
  stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
  stream->codecpar->codec_id = tags.picture_is_png ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG;
  stream->codecpar->width = tags.picture_width;
  stream->codecpar->height = tags.picture_height;
  stream->disposition = AV_DISPOSITION_ATTACHED_PIC;
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
