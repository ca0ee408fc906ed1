#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"

inline namespace demucs_ort_files {

/// Stems that exist already, to be put into one stem file.
struct PackJob {
  std::vector<std::filesystem::path> stems;  ///< four: recognised by their names, else drums, bass, other, vocals
  std::filesystem::path mix;                 ///< empty: the sum of the stems
  std::filesystem::path file;                ///< the stem file
};

/// Packs them. All of them must have the same length and rate. Tags are the mix's, without one those of the drums.
/// The file gets its name when it is complete. Throws ExitError; demucs_ort::Error cancelled.
TrackResult pack_stems(const PackJob& job, const FileSettings& settings, const std::function<void(double)>& progress,
                       const demucs_ort::CancelToken& cancel);

}  // namespace demucs_ort_files
