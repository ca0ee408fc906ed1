#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/tags.hpp"
#include "read/packet_copy.hpp"
#include "read/song_feed.hpp"
#include "track/file_settings.hpp"
#include "write/clip_stage.hpp"
#include "write/packet_sink.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// The finished frames of a track, before they go into files.
struct TrackFrames {
  std::size_t channels = 0;
  int rate = 0;                         ///< of the frames
  int file_rate = 0;                    ///< of the files
  std::optional<std::uint64_t> length;  ///< at the rate of the files; nothing: that of the frames that come
  Tags tags;
  std::vector<std::size_t> places;  ///< of each stream in a stem file, if they have to be folded into it
  // The mix of a stem file. If there is neither: the sum of the stems.
  std::unique_ptr<PacketCopy> copied_mix;
  std::unique_ptr<SongFeed> song;
};

/// All that happens to the finished frames of a track until they are in its files: stages, one behind the other.
/// Throws ExitError exit_output, and exit_input if the song of the mix cannot be read.
class TrackStages {
 public:
  /// Writes to `files`, which will be called `final_names`: a file for each stream, or one stem file.
  TrackStages(const FileSettings& settings, const std::vector<std::filesystem::path>& files,
              const std::vector<std::filesystem::path>& final_names, TrackFrames track);

  /// Takes the next frames: streams[stream][channel][frame].
  void write(std::size_t frames, const float* const* const* streams) { stages_.write(frames, streams); }
  /// Completes the files; without it they are unusable.
  void finish();
  /// What was done to samples beyond full scale, a sentence each.
  std::vector<std::string> warnings() const { return clip_->warnings(); }

 private:
  std::unique_ptr<PacketSink> files_;
  StageList stages_;
  const ClipStage* clip_ = nullptr;  // one of the stages
};

}  // namespace demucs_ort_files
