#pragma once

#include <filesystem>
#include <vector>

#include "write/scratch_folder.hpp"

inline namespace demucs_ort_files {

/// Finds out before the work which files will not be able to take their names: there is a folder of that name, the file
/// system refuses the name, or nothing can be written where the file belongs.
/// Throws ExitError exit_output.
void check_final_names(const ScratchFolder& scratch, const std::vector<std::filesystem::path>& finals);

/// Gives the files of the scratch folder their final names, making the folders they need. If one cannot take its name,
/// all is as it was before: no new file is seen, and those that were there are back. Only the death of the process in
/// the middle leaves some files new and others old. Throws ExitError exit_output.
void take_final_names(const ScratchFolder& scratch, const std::vector<std::filesystem::path>& finals);

}  // namespace demucs_ort_files
