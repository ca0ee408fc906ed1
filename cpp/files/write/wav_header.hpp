#pragma once

#include <filesystem>

inline namespace demucs_ort_files {

/// FFmpeg describes samples of more than 16 bits or 48 kHz as WAVE_FORMAT_EXTENSIBLE, which Python's `wave` and old
/// samplers refuse. For one or two channels this calls them by their plain name instead: 1 for whole numbers, 3 for
/// floats. Throws ExitError exit_output.
void name_plain_wav_format(const std::filesystem::path& file);

}  // namespace demucs_ort_files
