#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

inline namespace demucs_ort_files {

/// One input file and where its stems go.
struct TrackJob {
  std::filesystem::path input;
  std::filesystem::path folder;  ///< of the output
  std::string name;              ///< {track} in file names; may name folders, too
};

/// What came of one input file.
struct TrackResult {
  std::filesystem::path input;
  std::vector<std::filesystem::path> files;
  std::vector<std::filesystem::path> packed;  ///< existing stems, by their places in the stem file
  std::uint64_t frames = 0;                   ///< of the input
  int sample_rate = 0;                        ///< of the input
  double audio_seconds = 0;
  double run_seconds = 0;             ///< decoding, separating and writing
  double model_seconds = 0;           ///< of these: while the model was computing
  std::vector<std::string> warnings;  ///< what a person should know, a sentence each
  bool skipped = false;               ///< it was done earlier
  std::string error;                  ///< one sentence; empty if all went well
  int exit_code = 0;
};

}  // namespace demucs_ort_files
