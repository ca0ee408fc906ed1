#pragma once

#include <cstddef>
#include <memory>

#include "read/song_feed.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Puts the mix of a stem file before the stems: the frames of the song. Throws ExitError exit_input.
class SongMixStage : public Stage {
 public:
  explicit SongMixStage(std::unique_ptr<SongFeed> song);

  void write(std::size_t frames, const float* const* const* streams) override;

 private:
  std::unique_ptr<SongFeed> song_;
};

}  // namespace demucs_ort_files
