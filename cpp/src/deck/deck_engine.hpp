#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/block_grid.hpp"
#include "deck/block_separation.hpp"
#include "deck/block_store.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/deck_failure.hpp"
#include "deck/deck_planner.hpp"
#include "deck/disk_thread.hpp"
#include "deck/playback_route.hpp"
#include "deck/provisional_separation.hpp"
#include "deck/stem_cache.hpp"
#include "deck/track_reader.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "rate/model_at_rate.hpp"
#include "separation/stem_mixing.hpp"

namespace demucs_ort {

/// A deck as its workers see it: what the planner decides is done here, and what comes of it goes to the store. The
/// spill file has a thread of its own, so that only its deck waits for the disk. Thread-safe.
class DeckEngine {
 public:
  /// `file`: null if nothing is to be spilled. Throws Error as `Deck::Deck`.
  DeckEngine(const ModelAtRate& model, const ModelAtRate* provisional, unsigned workers, Read read, std::size_t frames,
             const DeckOptions& options, std::unique_ptr<SpillFile> file);
  DeckEngine(const DeckEngine&) = delete;
  DeckEngine& operator=(const DeckEngine&) = delete;

  const StemMixing& mixing() const noexcept { return mixing_; }
  std::size_t frames() const noexcept { return grid_.frames(); }
  // Real-time safe.
  PlaybackPosition& position() noexcept { return position_; }
  DeckRead read(std::size_t frame, std::size_t count, float* const* const* stems, std::size_t stride = 1) noexcept {
    return store_.read(frame, count, stems, stride);
  }

  void set_cues(const std::vector<std::size_t>& frames);
  DeckState state() const;

  // What a worker does, in this order; without memory of its own but in `perform`. Workers compare decks of different
  // sample rates, so deadlines and `provisional_ahead` are in frames of the model's own rate.
  /// As `DeckPlanner::next`.
  std::optional<DeckJob> next(std::size_t provisional_ahead) noexcept;
  void begin(const DeckJob& job) noexcept;
  /// Does the job; any number of threads at a time. `main` and `provisional` (null without a provisional model) are the
  /// thread's own. Throws Error, what the read callback throws, std::bad_alloc.
  void perform(const DeckJob& job, DeckBuffers& main, DeckBuffers* provisional, const CancelToken& cancel);
  void end(const DeckJob& job) noexcept;
  void fail(DeckFailure failure) noexcept;
  /// As `DeckPlanner::deadline`, of a running job.
  std::size_t deadline(const DeckJob& job) const noexcept;

 private:
  RunOptions run_options(const DeckJob& job, const CancelToken& cancel) const;
  void compute_segment(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel);
  void add(std::size_t segment, std::size_t block, const DeckBuffers& buffers, const CancelToken& cancel);
  void compute_provisional(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel);
  void put(std::size_t block, StemCache::Kind kind, std::unique_ptr<const StemBlock> stems);
  void changed() noexcept;
  bool serve_disk() noexcept;
  void perform(const DiskJob& job) noexcept;

  int model_rate_;
  std::size_t segment_frames_;  // at that rate
  int sample_rate_;             // of the deck
  StemMixing mixing_;
  TrackReader reader_;
  BlockGrid grid_;
  PlaybackPosition position_;
  BlockStore store_;
  BlockSeparation separation_;
  std::optional<ProvisionalSeparation> provisional_;

  mutable std::mutex mutex_;  // guards the following; the store's is only ever taken inside it or alone
  DeckPlanner planner_;
  std::optional<DeckFailure> failure_;
  std::uint64_t segments_run_ = 0;
  std::uint64_t windows_run_ = 0;
  DiskThread disk_;  // started with a spill file
};

}  // namespace demucs_ort
