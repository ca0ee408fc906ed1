#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "encoding.hpp"

struct AVFormatContext;

using TextTags = std::vector<std::pair<std::string, std::string>>;

/// What a song says of itself: text under FFmpeg's generic names ("title", "album_artist", and here also "bpm",
/// "initialkey", "isrc"), and its cover picture.
struct Tags {
  TextTags text;
  std::vector<std::uint8_t> picture;  ///< empty: none
  bool picture_is_png = false;        ///< else JPEG
  int picture_width = 0, picture_height = 0;
  bool picture_unusable = false;  ///< there is a picture, neither JPEG nor PNG
};

/// The tags of an opened file and of its audio stream number `stream`, but for what is true of that file alone: its
/// encoder, its gaps, its loudness.
Tags read_tags(const AVFormatContext* input, int stream);

/// Sets the text tags that the container can hold, before its header is written. Returns those that only freeform
/// boxes of an MP4 file can hold; for other formats nothing.
TextTags set_text_tags(AVFormatContext* output, Format format, const Tags& tags);

/// Adds the stream that holds the cover picture, if the container has such streams; its index or -1.
int add_picture_stream(AVFormatContext* output, Format format, const Tags& tags);

/// Writes the picture into the stream from `add_picture_stream`, after the header. Returns FFmpeg's error code.
int write_picture(AVFormatContext* output, int stream, const Tags& tags);
