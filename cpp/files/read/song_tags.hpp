#pragma once

#include "common/tags.hpp"

struct AVFormatContext;

inline namespace demucs_ort_files {

/// The tags of an opened file and of its audio stream number `stream`. Tags that are only true of that file are left
/// out: its encoder, its gaps, its loudness.
Tags read_tags(const AVFormatContext* input, int stream);

/// The same for a file at another rate: the time of a Broadcast Wave file counts frames.
Tags at_rate(Tags tags, int from, int to);

}  // namespace demucs_ort_files
