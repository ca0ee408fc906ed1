#include "read/song_tags.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "common/ffmpeg.hpp"
#include "common/tags.hpp"

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return result;
}

/// Tags for which FFmpeg has no generic name, and how containers spell them, in lower case.
struct SpelledTag {
  const char* name;
  std::array<const char*, 4> spellings;
};
constexpr std::array spelled_tags = {
    SpelledTag{"bpm", {"bpm", "tbpm", "tmpo", "tempo"}},
    SpelledTag{"initialkey", {"initialkey", "tkey", "key", "initial_key"}},
    SpelledTag{"isrc", {"isrc", "tsrc", "", ""}},
};

std::string canonical_name(const std::string& name) {
  const std::string key = lower(name);
  for (const auto& tag : spelled_tags) {
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
