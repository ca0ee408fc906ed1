#include "read/song_tags.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "common/ffmpeg.hpp"
#include "common/tags.hpp"
#include "common/text.hpp"

inline namespace demucs_ort_files {

namespace {

/// How containers spell tags for which FFmpeg has no generic name, or which it does not translate, in lower case.
struct SpelledTag {
  const char* name;
  std::array<const char*, 4> spellings;
};
constexpr std::array spelled_tags = {
    SpelledTag{"bpm", {"bpm", "tbpm", "tmpo", "tempo"}},
    SpelledTag{"initialkey", {"initialkey", "tkey", "key", "initial_key"}},
    SpelledTag{"isrc", {"isrc", "tsrc", "", ""}},
    SpelledTag{"lyrics", {"lyrics", "unsyncedlyrics", "unsynced lyrics", ""}},
};

/// FFmpeg's generic names, under which it writes tags into every container. FLAC and Ogg files have them in capitals.
constexpr std::array generic_names = {
    "title",     "artist",   "album_artist", "composer",   "album",         "date",         "comment",       "genre",
    "copyright", "grouping", "description",  "synopsis",   "show",          "episode_id",   "network",       "keywords",
    "track",     "disc",     "compilation",  "media_type", "season_number", "episode_sort", "time_reference"};

std::string canonical_name(const std::string& name) {
  const std::string key = lower_case(name);
  for (const auto& tag : spelled_tags) {
    if (std::find(tag.spellings.begin(), tag.spellings.end(), key) != tag.spellings.end()) return tag.name;
  }
  if (std::find(generic_names.begin(), generic_names.end(), key) != generic_names.end()) return key;
  return name;
}

/// True of what describes the song's file and not the song.
bool belongs_to_the_file(const std::string& name) {
  static constexpr std::array names = {"encoder",       "encoded_by",       "encoding_tool",
                                       "major_brand",   "minor_version",    "compatible_brands",
                                       "creation_time", "language",         "handler_name",
                                       "vendor_id",     "itunsmpb",         "itunnorm",
                                       "itunpgap",      "gapless_playback", "tlen",
                                       "tsse",          "duration",         "stem",
                                       "umid",          "coding_history",   "metadata_block_picture"};
  static constexpr std::array prefixes = {"replaygain_", "r128_", "id3v2_priv."};
  const std::string key = lower_case(name);
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

bool is_front(const AVStream& picture) {
  const AVDictionaryEntry* type = av_dict_get(picture.metadata, "comment", nullptr, 0);
  return type != nullptr && std::string(type->value) == front_cover;
}

}  // namespace

Tags read_tags(const AVFormatContext* input, int stream) {
  Tags tags;
  add_text(tags.text, input->metadata);
  add_text(tags.text, input->streams[stream]->metadata);  // Ogg
  const AVStream* cover = nullptr;
  bool has_picture = false;
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    const AVStream* picture = input->streams[i];
    if ((picture->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0 || picture->attached_pic.size <= 0) continue;
    has_picture = true;
    const AVCodecID codec = picture->codecpar->codec_id;
    const bool usable = codec == AV_CODEC_ID_MJPEG || codec == AV_CODEC_ID_PNG;
    if (usable && (cover == nullptr || (!is_front(*cover) && is_front(*picture)))) cover = picture;
  }
  tags.picture_unusable = has_picture && cover == nullptr;
  if (cover == nullptr) return tags;
  tags.picture.assign(cover->attached_pic.data, cover->attached_pic.data + cover->attached_pic.size);
  tags.picture_is_png = cover->codecpar->codec_id == AV_CODEC_ID_PNG;
  tags.picture_width = cover->codecpar->width;
  tags.picture_height = cover->codecpar->height;
  return tags;
}

Tags at_rate(Tags tags, int from, int to) {
  for (auto& [name, value] : tags.text) {
    if (name != "time_reference" || from == to) continue;
    std::int64_t frames = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), frames);
    if (parsed.ec == std::errc()) value = std::to_string(av_rescale(frames, to, from));
  }
  return tags;
}

}  // namespace demucs_ort_files
