#pragma once

#include <filesystem>
#include <vector>

namespace demucs_ort {

/// The cores that this process can keep busy: physical ones where the system tells them apart, those of its affinity
/// mask, and no more than the quota of its control groups pays for (Linux). At least 1.
unsigned usable_cores() noexcept;

#ifdef __linux__
// Its parts, of the files under `root`.
/// How many physical cores these processors are.
unsigned physical_cores(const std::vector<unsigned>& processors, const std::filesystem::path& root);
/// The smallest quota of this process' control groups, in processors, rounded up; 0: there is none.
unsigned quota(const std::filesystem::path& root);
#endif

}  // namespace demucs_ort
