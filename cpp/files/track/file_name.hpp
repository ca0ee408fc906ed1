#pragma once

#include <filesystem>
#include <string>

inline namespace demucs_ort_files {

/// True of names such as Song.stem.mp4.
bool is_stem_file(const std::filesystem::path& file);

/// What {track} stands for: the file's name without its ending, of Song.stem.mp4 also "Song".
std::filesystem::path track_name(const std::filesystem::path& file);

/// Checks a pattern of file names: a relative path with {track}, {stem} and {ext}. Throws ExitError exit_usage for
/// other braces, for a pattern that leaves its folder, if it lacks what tells the files apart, for a {stem} where all
/// stems are in one file, and for names that do not end in `ending`, the format's.
void check_file_name_pattern(const std::string& pattern, const std::string& ending, bool several_tracks,
                             bool file_per_stem);

/// A name with all braces filled in.
std::filesystem::path file_name(const std::string& pattern, const std::string& track, const std::string& stem,
                                const std::string& ending);

}  // namespace demucs_ort_files
