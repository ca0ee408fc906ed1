#pragma once

#include <filesystem>
#include <string>

#include "common/tags.hpp"

inline namespace demucs_ort_files {

/// Adds to a finished MP4 file, whose `moov` box is its last, what FFmpeg cannot write: `moov/udta/stem` with the text
/// `stem` (empty: no such box), and tags as freeform boxes of `moov/udta/meta/ilst` (name space com.apple.iTunes).
/// Throws ExitError exit_output.
void add_mp4_boxes(const std::filesystem::path& file, const std::string& stem, const TextTags& freeform);

}  // namespace demucs_ort_files
