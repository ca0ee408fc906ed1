#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/stem_cache.hpp"
#include "deck/track_reader.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "separation/mix_window.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// What the final stems of a track's blocks are computed from, in whatever order, so that they equal those of a
/// Separator to the bit. Several threads may use it, each with buffers of its own. All that it is made from must
/// outlive it.
class BlockSeparation {
 public:
  /// `window_frames`: of the windows that the grid's plan places.
  BlockSeparation(const ModelInfo& info, std::size_t window_frames, const StemMixing& mixing, const BlockGrid& grid,
                  StemStorage storage, TrackReader& reader);

  /// Hears the next part of the track, and returns whether its level is now known. One thread at a time.
  bool measure(MixWindow& window, const CancelToken& cancel);
  bool measured() const noexcept { return measured_; }
  /// Of the whole track, once it is measured; all below needs that.
  const TrackLevel& level() const noexcept { return level_; }

  /// Leaves the segment's stems in the buffers.
  void run(std::size_t segment, DeckBuffers& buffers, const RunOptions& options);
  /// What a segment that was run contributes to a block.
  BlockPart part(std::size_t segment, std::size_t block, const DeckBuffers& buffers) const;
  /// The block's stems, from all its parts in any order.
  std::unique_ptr<const StemBlock> finish(std::size_t block, const std::vector<BlockPart>& parts,
                                          const CancelToken& cancel);

 private:
  std::size_t channels_;
  std::size_t sources_;
  std::size_t window_frames_;
  const StemMixing& mixing_;
  const BlockGrid& grid_;
  StemStorage storage_;
  TrackReader& reader_;
  TrackLevel level_;                   // only the measuring thread's until
  std::atomic<bool> measured_{false};  // is true
};

}  // namespace demucs_ort
