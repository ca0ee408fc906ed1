#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// Lets only so many inferences of a model run at a time. Those that wait go in the order of their priority, and among
/// equals first come, first served: separations that ask again for every segment take turns.
class RunQueue {
 public:
  explicit RunQueue(unsigned places) : free_(places) {}

  /// Holds a turn while it lives.
  class Turn {
   public:
    Turn(RunQueue& queue, bool waited) : queue_(queue), waited_(waited) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { queue_.leave(); }

    /// Whether others had to go first.
    bool waited() const noexcept { return waited_; }

   private:
    RunQueue& queue_;
    bool waited_;
  };

  /// Blocks until it is the caller's turn. Throws Error cancelled at once when that is requested.
  Turn enter(Priority priority, const CancelToken& cancel);

  /// How many wait for their turn.
  std::size_t waiting() const;

 private:
  void leave();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  unsigned free_;                                    // places; guarded by mutex_, as all below
  std::uint64_t tickets_ = 0;                        // given out so far
  std::set<std::pair<int, std::uint64_t>> waiting_;  // (-priority, ticket): the first is next
};

}  // namespace demucs_ort
