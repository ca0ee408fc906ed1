#pragma once

#include <filesystem>
#include <string>

#include "common/encoding.hpp"
#include "common/tags.hpp"

struct AVFormatContext;

inline namespace demucs_ort_files {

/// Sets the text tags that FFmpeg can write, before its header is written. Returns those for which the finished file
/// has to be changed by `add_rest`.
TextTags set_text_tags(AVFormatContext* output, Format format, const Tags& tags);

/// Brings a finished file to hold the rest of its tags, and as a stem file the content of that box. Throws ExitError
/// exit_output.
void add_rest(const std::filesystem::path& file, Format format, const TextTags& rest, const std::string& stem);

/// Adds the stream that holds the cover picture, if the container has such streams; its index or -1.
int add_picture_stream(AVFormatContext* output, Format format, const Tags& tags);

/// Writes the picture into the stream from `add_picture_stream`, after the header. Returns FFmpeg's error code.
int write_picture(AVFormatContext* output, int stream, const Tags& tags);

}  // namespace demucs_ort_files
