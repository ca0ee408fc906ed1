#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

/// A hidden folder for unfinished files, on the same disk as the final ones so that they can be renamed out of it. It
/// goes away with the object. Throws ExitError exit_output.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::filesystem::path& parent);
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Where an unfinished file lies: by number, so that names of folders and their length do not matter.
  std::filesystem::path file(std::size_t number) const;

 private:
  std::filesystem::path path_;
};

/// Gives the files their final names, making the folders they need. Throws ExitError exit_output.
void move_into_place(const ScratchFolder& scratch, const std::vector<std::filesystem::path>& finals);
