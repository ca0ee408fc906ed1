#pragma once

#include <filesystem>
#include <string>

namespace demucs_ort {

/// The smallest limit that the control groups of this process (Linux) set, of either version; infinity: there is none.
/// `limit_of` reads it of one group's folder, `controller` is what version 1 calls it, `root` is the system's.
double smallest_limit(const std::string& controller, double (*limit_of)(const std::filesystem::path& group),
                      const std::filesystem::path& root);

}  // namespace demucs_ort
