#pragma once

#include "common/encoding.hpp"
#include "common/tags.hpp"

struct AVFormatContext;

/// Sets the text tags that the container can hold, before its header is written. Returns those that only freeform
/// boxes of an MP4 file can hold; for other formats nothing.
TextTags set_text_tags(AVFormatContext* output, Format format, const Tags& tags);

/// Adds the stream that holds the cover picture, if the container has such streams; its index or -1.
int add_picture_stream(AVFormatContext* output, Format format, const Tags& tags);

/// Writes the picture into the stream from `add_picture_stream`, after the header. Returns FFmpeg's error code.
int write_picture(AVFormatContext* output, int stream, const Tags& tags);
