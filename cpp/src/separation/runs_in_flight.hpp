#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <vector>

#include "base/cancel_state.hpp"
#include "base/joining_thread.hpp"
#include "base/large_pages.hpp"
#include "demucs_ort/cancel.hpp"
#include "separation/infer.hpp"

namespace demucs_ort {

/// What a model computes at a time.
struct InFlight {
  std::size_t runs = 1;      ///< runs side by side
  std::size_t segments = 1;  ///< of each run
};

/// Segments that one run computes.
struct SegmentBatch {
  LargePages mix;                    // [segment][channel][frame]
  LargePages stems;                  // [segment][source][channel][frame]
  std::vector<std::size_t> skipped;  // of each segment
  std::size_t count = 0;
};

/// Runs of the model on threads of their own. Meanwhile the caller reads what the next runs need and blends what the
/// last ones have computed: there is always a batch more than runs. The caller gets the batches back in the order in
/// which it gave them, whichever run ends first.
class RunsInFlight {
 public:
  /// Starts the threads. `batches`: one more than there are runs. What it is made from must outlive it.
  /// Throws Error runtime_failed if the system starts no more threads.
  RunsInFlight(std::vector<SegmentBatch>& batches, const InferBatch& infer, const CancelToken& cancel);
  RunsInFlight(const RunsInFlight&) = delete;
  RunsInFlight& operator=(const RunsInFlight&) = delete;
  /// Stops what still runs.
  ~RunsInFlight() { stop(); }

  /// A batch to fill, or null: all of them are with the model or with the caller.
  SegmentBatch* to_fill() noexcept;
  /// Hands over the batch that was filled.
  void submit();
  /// Waits for the batch that was submitted first, and lends it until `release`. Throws what any run has thrown, as
  /// soon as it has.
  const SegmentBatch& take();
  void release() noexcept { ++released_; }

  /// How long at least one run was going on.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  void work() noexcept;
  void stop() noexcept;

  std::vector<SegmentBatch>& batches_;  // batch k of the track is number k modulo their number
  const InferBatch& infer_;
  CancelToken abort_;  // requested by the caller's token, and when the caller gives up
  OnCancel on_cancel_;
  std::size_t released_ = 0;  // the caller's thread only
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::size_t submitted_ = 0;
  std::size_t started_ = 0;
  std::vector<bool> done_;      // of each of batches_
  std::exception_ptr failure_;  // the first
  std::size_t running_ = 0;
  Clock::time_point since_;
  Clock::duration computed_{0};
  bool stopping_ = false;
  std::vector<JoiningThread> threads_;  // last: the first to go
};

}  // namespace demucs_ort
