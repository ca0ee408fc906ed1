#include "deck/deck_pool.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/background_thread.hpp"

namespace demucs_ort {
namespace {

constexpr auto look_interval = std::chrono::milliseconds(5);
constexpr double guessed_run_seconds = 1;  // until one was measured
constexpr double reserve_seconds = 0.3;    // for reading, and for runs that take longer than the last ones
constexpr double soon_seconds = 0.02;      // a few looks; what takes less is neither bridged nor interrupted
constexpr unsigned max_workers = 64;

void check_runs(const Model& model, unsigned workers, const char* which) {
  if (model.max_concurrent_runs() < workers) {
    throw Error(Status::invalid_argument, std::to_string(workers) + " workers need as many runs at a time, but the " +
                                              which + " was loaded for " + std::to_string(model.max_concurrent_runs()) +
                                              "; set ModelOptions::max_concurrent_runs");
  }
}

bool computes(const DeckJob& job) {
  return job.kind == DeckJob::Kind::segment || job.kind == DeckJob::Kind::provisional;
}

void check_provisional(const ModelInfo& model, const ModelInfo& provisional) {
  const bool fits = provisional.weights_sha256 == model.weights_sha256 && provisional.sources == model.sources &&
                    provisional.sample_rate == model.sample_rate && provisional.channels == model.channels &&
                    provisional.segment_frames <= model.segment_frames;
  if (!fits) {
    throw Error(Status::invalid_argument, "the provisional model '" + provisional.name +
                                              "' is not the same as the model '" + model.name +
                                              "' with a shorter window; export it with demucs-export --segment");
  }
}

}  // namespace

DeckPool::Impl::Impl(std::shared_ptr<const Model> model_in, const DeckPoolOptions& options_in)
    : model(std::move(model_in)), options(options_in) {
  if (!model) throw Error(Status::invalid_argument, "DeckPool need a model");
  if (options.workers < 1 || options.workers > max_workers) {
    throw Error(Status::invalid_argument, "workers must be 1 to " + std::to_string(max_workers));
  }
  check_runs(*model, options.workers, "model");
  if (options.provisional) {
    check_runs(*options.provisional, options.workers, "provisional model");
    check_provisional(model->info(), options.provisional->info());
  }
  // What a bag's decks need of it is not known yet.
  warmed_ = {!options.warm || !model->info().members.empty(),
             !options.warm || !options.provisional || !options.provisional->info().members.empty()};
  warm = warmed_[0] && warmed_[1];
  for (unsigned i = 0; i < options.workers; ++i) {
    buffers_.push_back({DeckBuffers(model), {}});
    if (options.provisional) buffers_.back().provisional.emplace(options.provisional);
  }
  try {
    for (Buffers& buffers : buffers_) threads_.emplace_back([this, &buffers] { work(buffers); });
    threads_.emplace_back([this] { watch(); });
  } catch (const std::system_error& failure) {
    stop();
    throw Error(Status::runtime_failed, std::string("the system starts no more threads: ") + failure.what());
  }
}

DeckPool::Impl::~Impl() { stop(); }

void DeckPool::Impl::stop() {
  {
    const std::lock_guard lock(mutex);
    stopping_ = true;
    for (const Running& run : running_) run.cancel.request();
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
}

void DeckPool::Impl::open(DeckEngine& deck) {
  const std::lock_guard lock(mutex);
  decks_.push_back(&deck);
  changed_.notify_all();
}

void DeckPool::Impl::close(DeckEngine& deck) {
  std::unique_lock lock(mutex);
  std::erase(decks_, &deck);
  const auto is_of_deck = [&](const Running& run) { return run.task.deck == &deck; };
  for (const Running& run : running_) {
    if (is_of_deck(run)) run.cancel.request();
  }
  changed_.wait(lock, [&] { return std::none_of(running_.begin(), running_.end(), is_of_deck); });
}

double DeckPool::Impl::seconds(std::size_t frames) const {
  return static_cast<double>(frames) / model->info().sample_rate;
}

double DeckPool::Impl::run_seconds(const Task& task) const {
  if (task.deck != nullptr && !computes(task.job)) return 0;
  return run_seconds_[task.provisional] > 0 ? run_seconds_[task.provisional] : guessed_run_seconds;
}

/// Enough that no deck runs dry while all workers compute a whole segment and then a window for every deck.
std::size_t DeckPool::Impl::provisional_ahead() const {
  if (!options.provisional || run_seconds({}) < soon_seconds) return 0;
  const double windows = run_seconds({nullptr, {}, true}) * static_cast<double>(decks_.size());
  const double ahead = run_seconds({}) + windows + reserve_seconds;
  const double rate = model->info().sample_rate;
  return std::min(static_cast<std::size_t>(ahead * rate), model->info().segment_frames);
}

std::optional<DeckPool::Impl::Task> DeckPool::Impl::choose() {
  std::optional<Task> best;
  for (DeckEngine* deck : decks_) {
    const auto job = deck->next(provisional_ahead());
    if (job && (!best || job->before(best->job))) {
      best = Task{deck, *job, job->kind == DeckJob::Kind::provisional};
    }
  }
  return best ? best : choose_warming();
}

std::optional<DeckPool::Impl::Task> DeckPool::Impl::choose_warming() {
  for (const std::size_t which : {1U, 0U}) {
    if (!warmed_[which] && !warming_[which]) return Task{nullptr, {}, which == 1};
  }
  return std::nullopt;
}

void DeckPool::Impl::work(Buffers& buffers) {
  if (options.low_priority) lower_thread_priority();
  std::unique_lock lock(mutex);
  while (!stopping_) {
    const auto task = choose();
    if (!task) {
      ++idle_;
      changed_.wait(lock);
      --idle_;
      continue;
    }
    const auto run = running_.insert(running_.end(), {*task, {}, Clock::now()});
    if (task->deck != nullptr) {
      task->deck->begin(task->job);
    } else {
      warming_[task->provisional] = true;
    }
    lock.unlock();
    std::optional<std::pair<Status, std::string>> failure;
    try {
      execute(*task, buffers, run->cancel);
    } catch (const Error& error) {
      failure.emplace(error.status(), error.what());
    } catch (const std::bad_alloc&) {
      failure.emplace(Status::runtime_failed, "there is not enough memory");
    } catch (const std::exception& error) {
      failure.emplace(Status::bad_audio, std::string("the read callback failed: ") + error.what());
    } catch (...) {
      failure.emplace(Status::bad_audio, "the read callback failed with something that is no std::exception");
    }
    lock.lock();
    if (failure && failure->first != Status::cancelled && task->deck != nullptr) {
      task->deck->fail(failure->first, failure->second);
    }
    finished(*run, !failure);
    running_.erase(run);
    changed_.notify_all();
  }
}

void DeckPool::Impl::execute(const Task& task, Buffers& buffers, const CancelToken& cancel) {
  DeckBuffers* provisional = buffers.provisional ? &*buffers.provisional : nullptr;
  if (task.deck != nullptr) return task.deck->perform(task.job, buffers.main, provisional, cancel);
  DeckBuffers& own = task.provisional ? *provisional : buffers.main;
  own.window.rewind({}, 0);
  own.model->run(own.window.data(), 1, own.stems.data(), {cancel, {}, Priority::background});
}

void DeckPool::Impl::finished(const Running& run, bool completed) {
  const Task& task = run.task;
  if (task.deck != nullptr) task.deck->end(task.job);
  if (completed && (task.deck == nullptr || computes(task.job))) {
    const double took = std::chrono::duration<double>(Clock::now() - run.since).count();
    double& known = run_seconds_[task.provisional];
    const double before = std::exchange(known, known > 0 ? (known + took) / 2 : took);
    // A machine that has become slower is so for both models, and long runs may not come to an end for a while.
    if (task.provisional && before > 0) run_seconds_[0] *= known / before;
    warmed_[task.provisional] = true;
  }
  if (task.deck == nullptr) {
    warming_[task.provisional] = false;
    // A model that cannot compute silence will fail the first deck with its reason.
    warmed_[task.provisional] = warmed_[task.provisional] || (!completed && !run.cancel.requested());
  }
  warm = warmed_[0] && warmed_[1];
}

void DeckPool::Impl::watch() {
  std::unique_lock lock(mutex);
  while (!stopping_) {
    if (decks_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, look_interval);
    }
    if (decks_.empty() || (idle_ == 0 && !options.preempt)) continue;
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
void DeckPool::Impl::interrupt_for(const Task& waiting) {
  const Running* victim = nullptr;
  std::size_t victim_deadline = 0;
  for (const Running& run : running_) {
    if (run.cancel.requested()) return;  // a worker is already on its way
    if (!may_interrupt(run, waiting)) continue;
    const std::size_t deadline = run.task.deck == nullptr ? ~std::size_t{0} : run.task.deck->deadline(run.task.job);
    if (victim == nullptr || deadline > victim_deadline) {
      victim = &run;
      victim_deadline = deadline;
    }
  }
  if (victim == nullptr) return;
  victim->cancel.request();
  ++preempted;
}

bool DeckPool::Impl::may_interrupt(const Running& run, const Task& waiting) const {
  const Task& task = run.task;
  if (task.deck != nullptr && !computes(task.job)) return false;
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

DeckPool::DeckPool(std::shared_ptr<const Model> model, const DeckPoolOptions& options)
    : impl_(std::make_shared<Impl>(std::move(model), options)) {}
DeckPool::DeckPool(const DeckPool&) = default;
DeckPool::DeckPool(DeckPool&&) noexcept = default;
DeckPool& DeckPool::operator=(const DeckPool&) = default;
DeckPool& DeckPool::operator=(DeckPool&&) noexcept = default;
DeckPool::~DeckPool() = default;

const Model& DeckPool::model() const noexcept { return *impl_->model; }
bool DeckPool::warm() const noexcept { return impl_->warm; }
std::uint64_t DeckPool::preempted() const noexcept { return impl_->preempted; }

}  // namespace demucs_ort
