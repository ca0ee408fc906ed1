#include "deck/deck_workers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "base/background_thread.hpp"
#include "base/log.hpp"
#include "deck/deck_engine.hpp"
#include "deck/deck_failure.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {
namespace {

constexpr auto look_interval = std::chrono::milliseconds(5);
constexpr double reserve_seconds = 0.3;  // for reading, and for runs that take longer than the last ones
constexpr double soon_seconds = 0.02;    // a few looks; what takes less is neither bridged nor interrupted

/// A token stays requested for ever, so a run needs another one; false if there is no memory for it.
bool renew(CancelToken& token) noexcept {
  if (!token.requested()) return true;
  try {
    token = CancelToken();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

DeckWorkers::Worker::Worker(std::shared_ptr<const Model> model, std::shared_ptr<const Model> provisional)
    : main(std::move(model), DeckBuffers::Kind::on_grid) {
  if (provisional) provisional_buffers.emplace(std::move(provisional), DeckBuffers::Kind::anywhere);
}

DeckWorkers::DeckWorkers(std::shared_ptr<const Model> model, const DeckPoolOptions& options)
    : model_(std::move(model)), options_(options) {
  // What a bag's decks need of it is not known yet.
  warmed_ = {!options_.warm || !model_->info().members.empty(),
             !options_.warm || !options_.provisional || !options_.provisional->info().members.empty()};
  warm_ = warmed_[0] && warmed_[1];
  workers_.reserve(options_.workers);
  for (unsigned i = 0; i < options_.workers; ++i) workers_.emplace_back(model_, options_.provisional);
  start_threads();
}

void DeckWorkers::start_threads() {
  threads_.reserve(workers_.size() + 1);
  try {
    for (Worker& worker : workers_) threads_.emplace_back([this, &worker] { work(worker); });
    threads_.emplace_back([this] { watch(); });
  } catch (...) {
    stop();
    throw;
  }
}

void DeckWorkers::stop() noexcept {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const Worker& worker : workers_) worker.cancel.request();
  changed_.notify_all();
}

void DeckWorkers::open(DeckEngine& deck) {
  const std::lock_guard lock(mutex_);
  decks_.push_back(&deck);
  changed_.notify_all();
}

void DeckWorkers::close(DeckEngine& deck) {
  std::unique_lock lock(mutex_);
  std::erase(decks_, &deck);
  const auto is_at_deck = [&](const Worker& worker) { return worker.task && worker.task->deck == &deck; };
  for (const Worker& worker : workers_) {
    if (is_at_deck(worker)) worker.cancel.request();
  }
  changed_.wait(lock, [&] { return std::none_of(workers_.begin(), workers_.end(), is_at_deck); });
}

// -------------------------------------------------------------------------------------------------------------
// choosing

double DeckWorkers::seconds(std::size_t frames) const noexcept {
  return static_cast<double>(frames) / model_->info().sample_rate;
}

/// Enough that no deck runs dry while all workers compute a whole segment and then a window for every deck.
std::size_t DeckWorkers::provisional_ahead() const noexcept {
  if (!options_.provisional || times_.of(false) < soon_seconds) return 0;
  const double windows = times_.of(true) * static_cast<double>(decks_.size());
  const double ahead = times_.of(false) + windows + reserve_seconds;
  const double rate = model_->info().sample_rate;
  return std::min(static_cast<std::size_t>(ahead * rate), model_->info().segment_frames);
}

std::optional<DeckWorkers::Task> DeckWorkers::choose() noexcept {
  std::optional<Task> best;
  for (DeckEngine* deck : decks_) {
    const auto job = deck->next(provisional_ahead());
    if (job && (!best || job->before(best->job))) {
      best = Task{deck, *job, job->kind == DeckJob::Kind::provisional};
    }
  }
  return best ? best : choose_warming();
}

std::optional<DeckWorkers::Task> DeckWorkers::choose_warming() const noexcept {
  for (const std::size_t which : {1U, 0U}) {
    if (!warmed_[which] && !warming_[which]) return Task{nullptr, {}, which == 1};
  }
  return std::nullopt;
}

// --------------------------------------------------------------------------------------------------------------
// running

void DeckWorkers::work(Worker& worker) noexcept {
  if (options_.low_priority) lower_thread_priority();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!renew(worker.cancel)) {
      changed_.wait_for(lock, look_interval);
      continue;
    }
    const auto task = choose();
    if (!task) {
      ++idle_;
      changed_.wait(lock);
      --idle_;
      continue;
    }
    start(worker, *task);
    lock.unlock();
    auto failure = execute(worker);
    lock.lock();
    finish(worker, std::move(failure));
    changed_.notify_all();
  }
}

void DeckWorkers::start(Worker& worker, const Task& task) noexcept {
  worker.task = task;
  worker.since = Clock::now();
  if (task.deck != nullptr) {
    task.deck->begin(task.job);
  } else {
    warming_[task.provisional] = true;
  }
}

std::optional<DeckFailure> DeckWorkers::execute(Worker& worker) noexcept {
  try {
    perform(worker);
    return std::nullopt;
  } catch (...) {
    auto failure = DeckFailure::current();
    if (failure.status != Status::cancelled) {
      log(LogLevel::error, [&] {
        return "a deck failed: " + (failure.message.empty() ? "there is not enough memory" : failure.message);
      });
    }
    return failure;
  }
}

void DeckWorkers::perform(Worker& worker) {
  const Task& task = *worker.task;
  DeckBuffers* provisional = worker.provisional_buffers ? &*worker.provisional_buffers : nullptr;
  if (task.deck != nullptr) return task.deck->perform(task.job, worker.main, provisional, worker.cancel);
  DeckBuffers& own = task.provisional ? *provisional : worker.main;
  own.fit(0);
  own.window().rewind({}, 0);
  own.run({worker.cancel, {}, Priority::background});
}

void DeckWorkers::finish(Worker& worker, std::optional<DeckFailure> failure) noexcept {
  const Task task = *worker.task;
  worker.task.reset();
  const bool completed = !failure;
  if (task.deck != nullptr) {
    if (failure && failure->status != Status::cancelled) task.deck->fail(std::move(*failure));
    task.deck->end(task.job);
  }
  if (completed && task.computes()) {
    times_.add(task.provisional, std::chrono::duration<double>(Clock::now() - worker.since).count());
    warmed_[task.provisional] = true;
  }
  if (task.deck == nullptr) {
    warming_[task.provisional] = false;
    // A model that cannot compute silence will fail the first deck with its reason.
    warmed_[task.provisional] = warmed_[task.provisional] || (!completed && !worker.cancel.requested());
  }
  warm_ = warmed_[0] && warmed_[1];
}

// ---------------------------------------------------------------------------------------------------------
// interrupting

void DeckWorkers::watch() noexcept {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (decks_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, look_interval);
    }
    if (decks_.empty() || (idle_ == 0 && !options_.preempt)) continue;
    const auto waiting = choose();
    if (!waiting) continue;
    if (idle_ > 0) {
      changed_.notify_all();
    } else if (waiting->deck != nullptr) {
      interrupt_for(*waiting);
    }
  }
}

/// Interrupts the run that can wait longest, if the deck would else run dry.
void DeckWorkers::interrupt_for(const Task& waiting) noexcept {
  const Worker* victim = nullptr;
  std::size_t victim_deadline = 0;
  for (const Worker& run : workers_) {
    if (!run.task) continue;
    if (run.cancel.requested()) return;  // a worker is already on its way
    if (!may_interrupt(run, waiting)) continue;
    const std::size_t deadline = run.task->deck == nullptr ? ~std::size_t{0} : run.task->deck->deadline(run.task->job);
    if (victim == nullptr || deadline > victim_deadline) {
      victim = &run;
      victim_deadline = deadline;
    }
  }
  if (victim == nullptr) return;
  victim->cancel.request();
  ++preempted_;
}

bool DeckWorkers::may_interrupt(const Worker& run, const Task& waiting) const noexcept {
  const Task& task = *run.task;
  if (!task.computes()) return false;
  const double whole = run_seconds(task);
  const double elapsed = std::chrono::duration<double>(Clock::now() - run.since).count();
  const double left = std::max(whole - elapsed, 0.05 * whole);
  const double until_dry = seconds(waiting.job.deadline);
  if (left < soon_seconds || until_dry > left + run_seconds(waiting)) return false;
  if (task.deck == nullptr) return true;
  if (waiting.provisional && !task.provisional) {
    // A window can wait until the last moment, in which it still comes in time.
    return left > 0.5 * run_seconds(waiting) && until_dry < run_seconds(waiting) + reserve_seconds;
  }
  // The run's deck must be able to wait for the other run, and then for this one from its beginning.
  const double run_until_dry = seconds(task.deck->deadline(task.job));
  return left > 0.2 * whole && run_until_dry > until_dry + run_seconds(waiting) + whole;
}

}  // namespace demucs_ort
