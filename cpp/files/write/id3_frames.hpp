#pragma once

#include <filesystem>
#include <string>

#include "common/tags.hpp"

inline namespace demucs_ort_files {

/// Comments and lyrics as frames COMM and USLT of an ID3v2.4 tag, which FFmpeg cannot write. Lyrics may be named
/// "lyrics-eng" or "lyrics-DESCRIPTION-eng", as FFmpeg names those that it reads.
std::string id3_frames(const TextTags& tags);

/// Writes the frames into the padding at the end of a finished mp3 file's tag. Throws ExitError exit_output.
void add_id3_frames(const std::filesystem::path& file, const std::string& frames);

}  // namespace demucs_ort_files
