#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "audio_file.hpp"
#include "console.hpp"
#include "demucs_ort/separator.hpp"

/// What came of one input file.
struct TrackResult {
  std::filesystem::path input;
  std::vector<std::filesystem::path> stems;
  std::uint64_t frames = 0;  ///< of the input and of every stem
  int sample_rate = 0;       ///< of both
  double audio_seconds = 0;
  double run_seconds = 0;  ///< decoding, separating and writing
  std::string error;       ///< one sentence; empty if all went well
  int exit_code = 0;
};

/// Separates one file into `folder`/<stem>.wav. The stems get their names when all of them are complete; until then,
/// and after a failure, nothing is seen of them. Throws Failure and demucs_ort::Error.
TrackResult separate_track(demucs_ort::Separator& separator, const std::filesystem::path& input,
                           const std::filesystem::path& folder, SampleFormat format, Console& console,
                           const demucs_ort::CancelToken& cancel);
