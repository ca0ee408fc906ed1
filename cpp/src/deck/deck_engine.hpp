#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "deck/playback_route.hpp"
#include "deck/spill_file.hpp"
#include "deck/stem_cache.hpp"
#include "demucs_ort/deck.hpp"
#include "separation/mix_window.hpp"
#include "separation/overlap_add.hpp"
#include "separation/segment_plan.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// One worker's buffers for one model.
struct DeckBuffers {
  explicit DeckBuffers(std::shared_ptr<const Model> model_in);

  std::shared_ptr<const Model> model;
  MixWindow window;
  std::vector<float> stems;
};

/// A piece of work for a deck.
struct DeckJob {
  enum class Kind {
    measure,      ///< the next part of the track's level
    load,         ///< block `index` from the spill file
    provisional,  ///< a window of the provisional model whose first new block is `index`
    segment,      ///< segment `index` of the plan
  };
  Kind kind;
  std::size_t index;
  std::size_t deadline;  ///< frames the playhead has to go until it finds no stems, if nobody does this
  std::size_t rank;      ///< entry in the playback route of the first block this is for

  bool before(const DeckJob& other) const noexcept {
    return deadline != other.deadline ? deadline < other.deadline : rank < other.rank;
  }
};

/// A deck as its workers see it: what to separate next, and how. The lock of its workers guards all that is not said
/// to be thread-safe; `perform` takes it itself.
class DeckEngine {
 public:
  /// Throws Error as `Deck::Deck`.
  DeckEngine(std::mutex& lock, const ModelInfo& info, const ModelInfo* provisional, unsigned workers, Read read,
             std::size_t frames, const DeckOptions& options);

  const StemMixing& mixing() const noexcept { return mixing_; }
  std::size_t frames() const noexcept { return frames_; }
  std::size_t channels() const noexcept { return info_.channels; }
  // Thread-safe and real-time safe.
  PlaybackPosition& position() noexcept { return position_; }
  StemCache& cache() noexcept { return cache_; }

  void set_cues(const std::vector<std::size_t>& frames);
  DeckState state() const;
  void fail(Status status, const std::string& message);

  /// The most urgent job, if there is one. `provisional_ahead`: how many frames ahead of the playhead the provisional
  /// model should keep stems; 0: it is not to be used.
  std::optional<DeckJob> next(std::size_t provisional_ahead);
  /// How far the playhead is from where a running job's stems are missing.
  std::size_t deadline(const DeckJob& job) const;
  /// Around every `perform`.
  void begin(const DeckJob& job);
  void end(const DeckJob& job);
  /// Does the job, without the lock; any number of threads at a time. `main` and `provisional` (null without a
  /// provisional model) are the thread's own. Throws Error, what the read callback throws, std::bad_alloc.
  void perform(const DeckJob& job, DeckBuffers& main, DeckBuffers* provisional, const CancelToken& cancel);

 private:
  /// What a segment contributes to a block.
  struct Part {
    std::size_t segment;
    std::vector<float> rows;  // [source x channel][frames of the clip]
  };
  /// The frames that a segment and a block share.
  struct Clip {
    std::ptrdiff_t start;
    std::size_t frames;
  };
  struct Range {
    std::size_t first;  // segment
    std::size_t end;
  };

  // Planning.
  bool ready(std::size_t block) const noexcept;
  bool finished(std::size_t block) const noexcept { return cache_.has(block, StemCache::final) || spilled_[block]; }
  std::optional<std::size_t> missing_segment(std::size_t block) const;
  bool has_part(std::size_t block, std::size_t segment) const;
  std::optional<DeckJob> next_provisional(std::size_t provisional_ahead) const;
  std::optional<DeckJob> next_final() const;
  void trim();
  void trim_parts();
  void trim_provisional();
  void trim_final();
  void spill(std::size_t block, const StemBlock& stems);
  void stop_spilling(const Error& failure);

  // Computing.
  std::size_t pull(std::size_t first, std::size_t frames, float* const* channels, const CancelToken& cancel);
  Read reader(const CancelToken& cancel);
  RunOptions run_options(const DeckJob& job, const CancelToken& cancel) const;
  void measure(MixWindow& window, const CancelToken& cancel);
  void load(std::size_t block);
  void compute_segment(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel);
  void add(std::size_t segment, std::size_t block, const DeckBuffers& buffers, OverlapAdd& sums,
           const CancelToken& cancel);
  std::optional<std::vector<Part>> add_part(std::size_t segment, std::size_t block, const DeckBuffers& buffers);
  std::unique_ptr<const StemBlock> finish(std::size_t block, const std::vector<Part>& parts, OverlapAdd& sums,
                                          const CancelToken& cancel);
  void compute_provisional(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel);
  void publish_provisional(std::size_t first, std::size_t start, std::size_t end, const TrackLevel& level,
                           const DeckBuffers& buffers);
  void fade_from_last_window(std::size_t block, OverlapAdd& sums);

  // The blocks that a segment contributes to.
  std::size_t first_block(std::size_t segment) const;
  std::size_t end_block(std::size_t segment) const;
  Clip clip(std::size_t segment, std::size_t block) const;
  std::size_t block_start(std::size_t block) const { return block * block_frames_; }
  std::size_t frames_of(std::size_t block) const { return std::min(block_frames_, frames_ - block_start(block)); }

  std::mutex& lock_;
  ModelInfo info_;
  std::size_t window_frames_;  // of the provisional model; 0: there is none
  StemMixing mixing_;
  DeckOptions options_;
  Read read_;
  std::mutex reading_;  // guards calls of read_
  std::size_t frames_;
  std::size_t block_frames_;
  SegmentPlan plan_;
  std::vector<Range> segments_of_;  // of each block

  PlaybackPosition position_;
  PlaybackRoute route_;
  StemCache cache_;
  std::unique_ptr<SpillFile> spill_;
  std::vector<char> spilled_;             // whether the spill file has the block
  std::vector<char> busy_;                // whether a worker is finishing or loading it
  std::vector<std::vector<Part>> parts_;  // of blocks that are not finished
  std::size_t part_bytes_ = 0;
  std::size_t finished_ = 0;  // blocks, in memory or spilled
  std::vector<char> segment_running_;
  std::optional<std::size_t> provisional_running_;  // its first block
  bool measuring_ = false;
  bool measured_ = false;
  TrackLevel level_;      // only the measuring thread's until measured_
  bool settled_ = false;  // nothing to do until something changes

  struct Tail {
    std::size_t block;
    std::size_t frames;
    std::vector<float> rows;  // [output x channel][frames]
  };
  std::optional<Tail> tail_;  // how the last provisional window would have gone on; only for who computes the next

  std::size_t fade_frames_;
  std::size_t part_limit_;         // bytes
  std::size_t provisional_limit_;  // blocks
  std::size_t final_limit_;        // blocks
  DeckState progress_;             // only counts, error and message
};

}  // namespace demucs_ort
