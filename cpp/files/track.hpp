#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "demucs_ort/separator.hpp"
#include "encoding.hpp"
#include "stem_settings.hpp"

/// One input file and where its stems go.
struct TrackJob {
  std::filesystem::path input;
  std::filesystem::path folder;  ///< of the output
  std::string name;              ///< {track} in file names; may name folders, too
};

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

/// What came of one input file.
struct TrackResult {
  std::filesystem::path input;
  std::vector<std::filesystem::path> files;
  std::uint64_t frames = 0;  ///< of the input
  int sample_rate = 0;       ///< of the input
  double audio_seconds = 0;
  double run_seconds = 0;             ///< decoding, separating and writing
  std::vector<std::string> warnings;  ///< what a person should know, a sentence each
  bool skipped = false;               ///< it was done earlier
  std::string error;                  ///< one sentence; empty if all went well
  int exit_code = 0;
};

/// The files that separate_track would write. Throws ExitError exit_usage if these stems make no stem file.
std::vector<std::filesystem::path> output_files(const std::vector<std::string>& stems, const TrackJob& job,
                                                const FileSettings& settings);

/// Separates one file. What it writes gets its names when all of it is complete; until then, and after a failure,
/// nothing is seen of it. `progress` is called with the finished fraction. Throws ExitError and demucs_ort::Error.
TrackResult separate_track(demucs_ort::Separator& separator, const TrackJob& job, const FileSettings& settings,
                           const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel);

/// Keeps FFmpeg from printing, in this whole process: failures are reported in our own sentence.
void silence_ffmpeg();
