#include "stem_file/song_mix_stage.hpp"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "read/song_feed.hpp"
#include "stem_file/stem_settings.hpp"

inline namespace demucs_ort_files {

SongMixStage::SongMixStage(std::unique_ptr<SongFeed> song) : song_(std::move(song)) {}

void SongMixStage::write(std::size_t frames, const float* const* const* streams) {
  std::vector<const float* const*> all{song_->read(frames)};
  all.insert(all.end(), streams, streams + stem_place_count);
  pass_on(frames, all.data());
}

}  // namespace demucs_ort_files
