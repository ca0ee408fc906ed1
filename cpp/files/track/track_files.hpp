#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "read/audio_reader.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"
#include "track/track_stages.hpp"
#include "write/scratch_folder.hpp"

inline namespace demucs_ort_files {

/// The files of one track: written aside, then renamed together. Until then, and after a failure, nothing is seen of
/// them. Throws ExitError.
class TrackFiles {
 public:
  /// Without `job.input` there is no song. Job and settings must outlive the object.
  TrackFiles(const std::vector<std::string>& stems, const TrackJob& job, const FileSettings& settings);

  bool is_open() const noexcept { return stages_.has_value(); }
  /// Has to come before the first frames, which are at this rate. `song`, the job's input, has been decoded to its end;
  /// null: none. `frames`: how many will come; nothing: as many as the song has, or as many as come.
  void open(const AudioReader* song, int rate, std::size_t channels, std::optional<std::uint64_t> frames);
  void write(std::size_t frames, const float* const* const* stems) { stages_->write(frames, stems); }
  /// Completes the files and gives them their names.
  std::vector<std::filesystem::path> commit();
  /// What a person should know, a sentence each; complete after `commit`.
  std::vector<std::string> warnings() const;

 private:
  void take_mix(const AudioReader& song, TrackFrames& track);

  const TrackJob& job_;
  const FileSettings& settings_;
  std::vector<std::filesystem::path> finals_;
  std::vector<std::size_t> places_;  // of the stems in a stem file
  std::optional<ScratchFolder> scratch_;
  std::optional<TrackStages> stages_;
  std::vector<std::string> warnings_;
};

}  // namespace demucs_ort_files
