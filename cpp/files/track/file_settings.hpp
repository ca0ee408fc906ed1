#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/encoding.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/track.hpp"

inline namespace demucs_ort_files {

/// The words of a command line or a Python call about the files; what is empty is left to the defaults.
struct FileRequest {
  EncodingRequest encoding;
  StemFileRequest stem_file;
  std::string file_name;  ///< a pattern, see file_name.hpp; default {stem}.{ext}, of several tracks
                          ///< {track}/{stem}.{ext}, of stem files {track}.{ext}
};

/// What is written, and under which names.
struct FileSettings {
  Encoding encoding;
  StemFileSettings stem_file;
  std::string file_name;
};

/// Throws ExitError exit_usage for what does not go together.
FileSettings make_file_settings(const FileRequest& request, bool several_tracks);

/// True if all stems go into one stem file.
bool makes_stem_file(const FileSettings& settings);

/// The files that separate_track would write. Throws ExitError exit_usage if these stems make no stem file.
std::vector<std::filesystem::path> output_files(const std::vector<std::string>& stems, const TrackJob& job,
                                                const FileSettings& settings);

}  // namespace demucs_ort_files
