#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/stem_cache.hpp"
#include "deck/track_reader.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "separation/overlap_add.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// Computes provisional stems: one window of a model at a time, whose first block fades from what the last window would
/// have gone on with. One thread at a time. All that it is made from must outlive it.
class ProvisionalSeparation {
 public:
  /// Takes a block's stems.
  using Put = std::function<void(std::size_t block, std::unique_ptr<const StemBlock> stems)>;

  ProvisionalSeparation(const ModelInfo& provisional, const StemMixing& mixing, const BlockGrid& grid,
                        StemStorage storage, std::size_t fade_frames, TrackReader& reader);

  /// Gives the stems of the blocks from `first` on that a window reaches, and of the one before. `known`: the track's
  /// level, if it is known; else the window's own is taken.
  void run(std::size_t first, const std::optional<TrackLevel>& known, DeckBuffers& buffers, const RunOptions& options,
           const Put& put);

 private:
  /// Frames of the track, and what is needed to give them back its level.
  struct Window {
    std::size_t start;
    std::size_t end;      // of what is good enough to be played
    std::size_t all_end;  // of what is heard
    TrackLevel level;
  };
  /// How the last window would have gone on.
  struct Tail {
    std::size_t block;
    std::size_t frames;
    std::vector<float> rows;  // [output x channel][frames]
  };

  Window place(std::size_t first) const;
  void hear(Window& window, const std::optional<TrackLevel>& known, DeckBuffers& buffers, const CancelToken& cancel);
  void cut(const Window& window, std::size_t block, std::size_t frames, const DeckBuffers& buffers);
  void keep_tail(const Window& window, std::size_t block, const DeckBuffers& buffers);
  void fade_from_tail(std::size_t block);

  std::size_t channels_;
  std::size_t window_frames_;
  const StemMixing& mixing_;
  const BlockGrid& grid_;
  StemStorage storage_;
  std::size_t fade_frames_;
  TrackReader& reader_;
  OverlapAdd sums_;
  std::optional<Tail> tail_;
};

}  // namespace demucs_ort
