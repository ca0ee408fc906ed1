#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

inline namespace demucs_ort_files {

using TextTags = std::vector<std::pair<std::string, std::string>>;

/// What a song says of itself: text under FFmpeg's generic names ("title", "album_artist", and here also "bpm",
/// "initialkey", "isrc"), and its front cover.
struct Tags {
  TextTags text;
  std::vector<std::uint8_t> picture;  ///< empty: none
  bool picture_is_png = false;        ///< else JPEG
  int picture_width = 0, picture_height = 0;
  bool picture_unusable = false;  ///< there is a picture, neither JPEG nor PNG
};

/// How FFmpeg calls the type of a picture that is the front cover.
inline constexpr const char* front_cover = "Cover (front)";

/// Lyrics are called "lyrics", or, in mp3 files, "lyrics-eng" or "lyrics-DESCRIPTION-eng".
inline bool is_lyrics(const std::string& name) { return name == "lyrics" || name.rfind("lyrics-", 0) == 0; }

}  // namespace demucs_ort_files
