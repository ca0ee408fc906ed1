#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/joining_thread.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"
#include "separation/infer.hpp"
#include "separation/stem_mixing.hpp"
#include "stream/audio_ring.hpp"
#include "stream/recent_runs.hpp"
#include "stream/stream_schedule.hpp"
#include "stream/window_separation.hpp"

namespace demucs_ort {

/// All of a `Stream` but the model. The audio thread writes the mix into a ring and takes finished pieces out of slots.
/// The worker looks at the clock that the audio thread keeps, and sleeps by itself until a window is complete: the
/// audio thread never calls it.
///
/// Windows are numbered on and on, over resets too: a number is enough to know whether a piece is the one waited for.
class StreamEngine {
 public:
  /// `blurred`: as of StreamSchedule. Throws Error invalid_argument; and what `infer` throws in a first run, which
  /// makes memory ready.
  StreamEngine(const ModelInfo& info, const StreamOptions& options, const StemMixing& mixing, Infer infer,
               std::size_t blurred = 0);
  StreamEngine(const StreamEngine&) = delete;
  StreamEngine& operator=(const StreamEngine&) = delete;
  ~StreamEngine();

  // As those of Stream.
  void process(const float* const* in, float* const* const* out, std::size_t frames,
               const Strides& strides = {}) noexcept;
  void render(const float* const* in, float* const* const* out, std::size_t frames, const Strides& strides = {});
  void reset() noexcept;
  std::uint64_t underruns() const noexcept { return underruns_.load(std::memory_order_relaxed); }
  double load() const noexcept { return load_.load(std::memory_order_relaxed); }
  std::string failure() const;
  /// Every window of a lower number was computed, failed, or was given up because newer audio had come.
  std::uint64_t tried() const noexcept { return tried_.load(std::memory_order_acquire); }
  const StreamSchedule& schedule() const noexcept { return schedule_; }

 private:
  /// What one window gives; the audio thread reads it once `number` says what it is.
  struct Slot {
    std::atomic<std::uint64_t> number{UINT64_MAX};
    std::vector<float> samples;  // [output x channel][piece]
  };
  struct Task {
    std::uint64_t number;
    std::uint64_t origin;  // where the stream begins, in frames of the ring
    std::uint64_t end;     // where the window ends, likewise
  };

  void play(float* const* const* out, std::size_t stride, std::size_t at, std::size_t frames, bool wait);
  void take(std::uint64_t number) noexcept;
  void put(float* const* const* out, std::size_t stride, std::size_t at, std::size_t frames,
           std::size_t offset) const noexcept;
  void wait_for(std::uint64_t number);

  void work() noexcept;
  std::optional<Task> next_task() noexcept;
  void compute(const Task& task);
  void remember(std::exception_ptr failure) noexcept;
  bool has_untold_underruns() const noexcept;
  void tell_underruns() noexcept;

  StreamSchedule schedule_;
  Underrun underrun_;
  std::size_t channels_;
  int sample_rate_;
  WindowSeparation separation_;  // the worker's
  std::vector<float> fade_;      // weight of the piece that takes over
  AudioRing input_;
  std::vector<Slot> slots_;

  // The audio thread's own.
  std::uint64_t elapsed_ = 0;      // frames since the stream's start
  std::uint64_t first_ = 0;        // number of the stream's first window
  const Slot* playing_ = nullptr;  // null: replaced
  const Slot* leaving_ = nullptr;  // the piece before; null: replaced
  bool joins_ = false;             // whether there is a piece before

  // Written by the audio thread in this order, and read by the worker in the opposite one.
  std::atomic<std::uint64_t> origin_{0};        // the stream's start, in frames of the ring
  std::atomic<std::uint64_t> origin_first_{0};  // first_
  std::atomic<std::uint64_t> due_{0};           // the next number to take up; in use are at most the two before
  std::atomic<bool> rendering_{false};
  std::atomic<std::uint64_t> underruns_{0};

  // The worker's own.
  std::uint64_t next_ = 0;
  std::size_t missing_ = 0;           // frames until there is something to do
  std::uint64_t told_underruns_ = 0;  // of them the host's log knows
  RecentRuns runs_;

  std::atomic<double> load_{0};
  std::atomic<std::uint64_t> tried_{0};
  mutable std::mutex mutex_;  // guards what follows; `process` and `reset` do not take it
  std::condition_variable changed_;
  bool stop_ = false;
  std::exception_ptr failure_;  // of this call of `render`
  std::string failure_text_;
  JoiningThread worker_;  // last: the first to go
};

}  // namespace demucs_ort
