#pragma once

#include <functional>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/separator.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"

inline namespace demucs_ort_files {

/// Separates one file. What it writes gets its names when all of it is complete; until then, and after a failure,
/// nothing is seen of it. `progress` is called with the finished fraction. Throws ExitError and demucs_ort::Error.
TrackResult separate_track(demucs_ort::Separator& separator, const TrackJob& job, const FileSettings& settings,
                           const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel);

}  // namespace demucs_ort_files
