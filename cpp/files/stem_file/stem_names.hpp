#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "stem_file/stem_settings.hpp"

inline namespace demucs_ort_files {

/// Existing stems by their places in a stem file: where their names say, or, if no name says anything, in the order
/// given. What all names have in common says nothing, so that "Drum & Bass (vocals).wav" is the vocals of that song.
/// Where the files' own names say nothing, their folders do. Throws ExitError exit_usage for other than four files and
/// for names that leave a doubt.
std::array<std::filesystem::path, stem_place_count> stems_in_places(const std::vector<std::filesystem::path>& files);

}  // namespace demucs_ort_files
