#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/deck_limits.hpp"
#include "deck/playback_route.hpp"

namespace demucs_ort {

/// A piece of work for a worker.
struct DeckJob {
  enum class Kind {
    measure,      ///< the next part of the track's level
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
  /// Whether a model runs for it.
  bool computes() const noexcept { return kind != Kind::measure; }
};

/// A block to write to the spill file, or to bring back from it.
struct DiskJob {
  enum class Kind { spill, load };
  Kind kind;
  std::size_t block;
};

/// Decides what a deck does next and what it forgets, from where the track plays, what is there and what is being done.
/// Plain logic: no threads, no locks, no audio. Nothing that a worker calls allocates memory.
class DeckPlanner {
 public:
  /// `near`: how many blocks ahead of the playhead or a cue come before all others. `window_blocks`: the length of the
  /// provisional model's window, 0 if there is no such model. The grid must outlive the planner.
  DeckPlanner(const BlockGrid& grid, std::size_t near, std::size_t window_blocks, const DeckLimits& limits);

  // What has happened.
  /// Takes in where the track plays, in blocks; true if that changes the order in which blocks are needed.
  bool follow(std::size_t playhead, const PlaybackPosition::Loop& loop) noexcept;
  /// Throws Error invalid_argument as `Deck::set_cues`.
  void set_cues(const std::vector<std::size_t>& frames);
  void begin(const DeckJob& job) noexcept;
  void end(const DeckJob& job) noexcept;
  void begin(const DiskJob& job) noexcept;
  void end(const DiskJob& job) noexcept;
  void level_known() noexcept { measured_ = true; }
  /// Something in the table has changed.
  void changed() noexcept { settled_ = false; }

  // What is to be done.
  /// The most urgent job, if there is one. `provisional_ahead`: how many frames ahead of the playhead the provisional
  /// model should keep stems; 0: it is not to be used.
  std::optional<DeckJob> next(const BlockTable& table, std::size_t provisional_ahead) noexcept;
  /// What the disk should do next; nothing while it is at work.
  std::optional<DiskJob> next_disk(const BlockTable& table) const noexcept;
  /// What has to go first for memory to keep to its shares; of each kind what the playhead would reach last.
  std::optional<Surplus> surplus(const BlockTable& table) const noexcept;
  /// How far the playhead is from where a running job's stems are missing, in frames.
  std::size_t deadline(const DeckJob& job, const BlockTable& table) const noexcept;
  /// Whether a block of the provisional window whose first new block is `first` is of use.
  static bool wants_provisional(std::size_t block, std::size_t first, const BlockTable& table) noexcept;

  bool measured() const noexcept { return measured_; }
  /// Nothing is being done, and there is nothing to do until something changes.
  bool idle() const noexcept { return settled_ && running_jobs_ == 0 && !disk_; }

 private:
  std::optional<DeckJob> next_provisional(const BlockTable& table, std::size_t provisional_ahead) const noexcept;
  std::optional<DeckJob> next_final(const BlockTable& table) const noexcept;
  std::optional<DeckJob> job_for(std::size_t rank, const BlockTable& table) const noexcept;
  std::optional<std::size_t> missing_segment(std::size_t block, const BlockTable& table) const noexcept;
  bool must_wait_for_disk(const BlockTable& table, std::size_t more_blocks) const noexcept;
  template <typename Goes>
  std::optional<std::size_t> last_surplus(const BlockTable& table, const Goes& goes) const noexcept;
  bool fade_is_over(std::size_t block, const BlockTable& table) const noexcept;

  const BlockGrid& grid_;
  std::size_t window_blocks_;
  DeckLimits limits_;
  PlaybackRoute route_;
  std::vector<char> segment_running_;
  std::size_t running_segments_ = 0;
  std::size_t running_jobs_ = 0;
  bool provisional_running_ = false;
  bool measuring_ = false;
  bool measured_ = false;
  std::optional<DiskJob> disk_;
  bool settled_ = false;  // there is nothing to do until something changes
};

}  // namespace demucs_ort
