#pragma once

#include <filesystem>
#include <system_error>
#include <vector>

inline namespace demucs_ort_files {

/// The folders that are made for a target: they go with this object, unless something is in them.
class MadeFolders {
 public:
  /// Has to come before they are made.
  explicit MadeFolders(std::filesystem::path folder) {
    std::error_code ignored;
    while (!folder.empty() && !std::filesystem::exists(folder, ignored)) {
      made_.push_back(folder);
      folder = folder.parent_path();
    }
  }
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;
  ~MadeFolders() {
    std::error_code refused;
    for (const auto& folder : made_) std::filesystem::remove(folder, refused);
  }

 private:
  std::vector<std::filesystem::path> made_;  // the innermost first
};

}  // namespace demucs_ort_files
