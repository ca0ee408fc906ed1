#pragma once

#include <filesystem>

inline namespace demucs_ort_files {

/// FFmpeg writes a comment as DESCRIPTION, whatever it is called, and nobody else looks there. It is therefore written
/// under this name, as the first of all, and renamed to COMMENT in the finished file.
inline constexpr const char* vorbis_comment_stand_in = "COMMEN_";

/// Renames it in a finished FLAC or Ogg file. Throws ExitError exit_output.
void name_vorbis_comment(const std::filesystem::path& file);

}  // namespace demucs_ort_files
