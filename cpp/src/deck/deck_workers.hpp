#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/joining_thread.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/deck_engine.hpp"
#include "deck/deck_failure.hpp"
#include "deck/deck_planner.hpp"
#include "deck/run_times.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// Threads that take the most urgent job of all decks, one after another; and one that looks every few milliseconds
/// where the playheads are (an audio thread cannot wake anybody), wakes idle workers and interrupts what can wait.
class DeckWorkers {
 public:
  DeckWorkers(std::shared_ptr<const Model> model, const DeckPoolOptions& options);
  DeckWorkers(const DeckWorkers&) = delete;
  DeckWorkers& operator=(const DeckWorkers&) = delete;
  ~DeckWorkers() { stop(); }

  const Model& model() const noexcept { return *model_; }
  const std::shared_ptr<const Model>& shared_model() const noexcept { return model_; }
  const DeckPoolOptions& options() const noexcept { return options_; }
  bool warm() const noexcept { return warm_; }
  std::uint64_t preempted() const noexcept { return preempted_; }

  void open(DeckEngine& deck);
  /// Interrupts the deck's jobs and waits for them.
  void close(DeckEngine& deck);

 private:
  using Clock = std::chrono::steady_clock;

  /// A deck's job, or without a deck the warming up of a model.
  struct Task {
    DeckEngine* deck = nullptr;
    DeckJob job{};
    bool provisional = false;  // whether it takes the provisional model

    bool computes() const noexcept { return deck == nullptr || job.computes(); }
  };
  struct Worker {
    Worker(std::shared_ptr<const Model> model, std::shared_ptr<const Model> provisional);

    DeckBuffers main;
    std::optional<DeckBuffers> provisional_buffers;
    // What it does; guarded by mutex_.
    std::optional<Task> task;
    CancelToken cancel;
    Clock::time_point since;
  };

  // Choosing.
  std::optional<Task> choose() noexcept;
  std::optional<Task> choose_warming() const noexcept;
  std::size_t provisional_ahead() const noexcept;
  double seconds(std::size_t frames) const noexcept;
  double run_seconds(const Task& task) const noexcept { return task.computes() ? times_.of(task.provisional) : 0; }

  // Running. No exception leaves a worker's thread: what can throw is done in `execute`.
  void start_threads();
  /// Lets the threads end, without waiting for them.
  void stop() noexcept;
  void work(Worker& worker) noexcept;
  void start(Worker& worker, const Task& task) noexcept;
  std::optional<DeckFailure> execute(Worker& worker) noexcept;
  void perform(Worker& worker);
  void finish(Worker& worker, std::optional<DeckFailure> failure) noexcept;

  // Interrupting.
  void watch() noexcept;
  void interrupt_for(const Task& waiting) noexcept;
  bool may_interrupt(const Worker& run, const Task& waiting) const noexcept;

  std::shared_ptr<const Model> model_;
  DeckPoolOptions options_;
  std::atomic<bool> warm_{false};
  std::atomic<std::uint64_t> preempted_{0};
  std::mutex mutex_;  // guards all below; decks' own locks are only taken inside it
  std::vector<DeckEngine*> decks_;
  std::vector<Worker> workers_;
  RunTimes times_;
  std::array<bool, 2> warmed_{};  // the model, the provisional one
  std::array<bool, 2> warming_{};
  unsigned idle_ = 0;
  bool stopping_ = false;
  std::condition_variable changed_;     // for idle workers, the watching thread and who closes a deck
  std::vector<JoiningThread> threads_;  // last: the first to go
};

}  // namespace demucs_ort
