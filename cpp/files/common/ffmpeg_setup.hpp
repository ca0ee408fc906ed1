#pragma once

inline namespace demucs_ort_files {

/// Keeps FFmpeg from printing, in this whole process, since failures are reported in our own sentence, and from taking
/// more than 256 MB at once: a file of a hundred bytes may state a tag of two gigabytes.
void set_up_ffmpeg();

}  // namespace demucs_ort_files
