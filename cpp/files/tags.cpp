#include "tags.hpp"

extern "C" {
#include <libavutil/base64.h>
}

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "ffmpeg.hpp"

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return result;
}

/// Tags for which FFmpeg has no generic name.
struct SpecialTag {
  const char* name;
  std::array<const char*, 4> spellings;  // in lower case
  const char* id3;
  const char* vorbis;
  const char* mp4;  // what FFmpeg's MP4 writer calls it; nullptr: a freeform box
};
constexpr std::array special_tags = {
    SpecialTag{"bpm", {"bpm", "tbpm", "tmpo", "tempo"}, "TBPM", "BPM", "tmpo"},
    SpecialTag{"initialkey", {"initialkey", "tkey", "key", "initial_key"}, "TKEY", "INITIALKEY", nullptr},
    SpecialTag{"isrc", {"isrc", "tsrc", "", ""}, "TSRC", "ISRC", nullptr},
};

const SpecialTag* special(const std::string& name) {
  const auto* found =
      std::find_if(special_tags.begin(), special_tags.end(), [&](const SpecialTag& tag) { return name == tag.name; });
  return found == special_tags.end() ? nullptr : found;
}

std::string canonical_name(const std::string& name) {
  const std::string key = lower(name);
  for (const auto& tag : special_tags) {
    if (std::find(tag.spellings.begin(), tag.spellings.end(), key) != tag.spellings.end()) return tag.name;
  }
  return name;
}

/// True of what describes the song's file and not the song.
bool belongs_to_the_file(const std::string& name) {
  static constexpr std::array names = {"encoder",
                                       "encoded_by",
                                       "encoding_tool",
                                       "major_brand",
                                       "minor_version",
                                       "compatible_brands",
                                       "creation_time",
                                       "language",
                                       "handler_name",
                                       "vendor_id",
                                       "itunsmpb",
                                       "itunnorm",
                                       "itunpgap",
                                       "gapless_playback",
                                       "tlen",
                                       "tsse",
                                       "duration",
                                       "stem",
                                       "metadata_block_picture"};
  static constexpr std::array prefixes = {"replaygain_", "r128_", "id3v2_priv."};
  const std::string key = lower(name);
  return std::find(names.begin(), names.end(), key) != names.end() ||
         std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) { return key.rfind(prefix, 0) == 0; });
}

void add_text(TextTags& text, const AVDictionary* dictionary) {
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
    const std::string name = canonical_name(entry->key);
    const bool known = std::any_of(text.begin(), text.end(), [&](const auto& tag) { return tag.first == name; });
    if (!known && !belongs_to_the_file(entry->key)) text.emplace_back(name, entry->value);
  }
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

Tags read_tags(const AVFormatContext* input, int stream) {
  Tags tags;
  add_text(tags.text, input->metadata);
  add_text(tags.text, input->streams[stream]->metadata);  // Ogg
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    const AVStream* picture = input->streams[i];
    if ((picture->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0 || picture->attached_pic.size <= 0) continue;
    const AVCodecID codec = picture->codecpar->codec_id;
    tags.picture_unusable = codec != AV_CODEC_ID_MJPEG && codec != AV_CODEC_ID_PNG;
    if (tags.picture_unusable) continue;
    tags.picture.assign(picture->attached_pic.data, picture->attached_pic.data + picture->attached_pic.size);
    tags.picture_is_png = codec == AV_CODEC_ID_PNG;
    tags.picture_width = picture->codecpar->width;
    tags.picture_height = picture->codecpar->height;
    break;
  }
  return tags;
}

TextTags set_text_tags(AVFormatContext* output, Format format, const Tags& tags) {
  TextTags freeform;
  const bool mp4 = format == Format::m4a || format == Format::stem_mp4;
  for (const auto& [name, value] : tags.text) {
    const SpecialTag* tag = special(name);
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
