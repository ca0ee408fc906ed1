#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "deck/deck_engine.hpp"
#include "demucs_ort/deck.hpp"

namespace demucs_ort {

/// Threads that take the most urgent job of all decks, one after another; and one that looks every few milliseconds
/// where the playheads are (an audio thread cannot wake anybody), wakes idle workers and interrupts what can wait.
struct DeckPool::Impl {
  Impl(std::shared_ptr<const Model> model_in, const DeckPoolOptions& options_in);
  ~Impl();

  void open(DeckEngine& deck);
  /// Interrupts the deck's jobs and waits for them.
  void close(DeckEngine& deck);

  std::shared_ptr<const Model> model;
  DeckPoolOptions options;
  std::mutex mutex;  // guards the decks, and all below
  std::atomic<bool> warm{false};
  std::atomic<std::uint64_t> preempted{0};

 private:
  using Clock = std::chrono::steady_clock;

  /// A deck's job, or without a deck the warming up of a model.
  struct Task {
    DeckEngine* deck = nullptr;
    DeckJob job{};
    bool provisional = false;  // whether it takes the provisional model
  };
  /// A worker's own buffers.
  struct Buffers {
    DeckBuffers main;
    std::optional<DeckBuffers> provisional;
  };
  struct Running {
    Task task;
    CancelToken cancel;
    Clock::time_point since;
  };

  std::optional<Task> choose();
  std::optional<Task> choose_warming();
  std::size_t provisional_ahead() const;
  void stop();
  void work(Buffers& buffers);
  void execute(const Task& task, Buffers& buffers, const CancelToken& cancel);
  void finished(const Running& run, bool completed);
  void watch();
  void interrupt_for(const Task& waiting);
  bool may_interrupt(const Running& run, const Task& waiting) const;
  double seconds(std::size_t frames) const;
  double run_seconds(const Task& task) const;

  std::vector<DeckEngine*> decks_;
  std::list<Running> running_;
  std::array<bool, 2> warmed_{};  // the model, the provisional one
  std::array<bool, 2> warming_{};
  std::array<double, 2> run_seconds_{};  // how long a run takes; 0: not known yet
  unsigned idle_ = 0;
  bool stopping_ = false;
  std::condition_variable changed_;  // for idle workers, the watching thread and who closes a deck
  std::list<Buffers> buffers_;
  std::vector<std::thread> threads_;
};

}  // namespace demucs_ort
