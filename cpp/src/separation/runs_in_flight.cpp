#include "separation/runs_in_flight.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "separation/infer.hpp"

namespace demucs_ort {

RunsInFlight::RunsInFlight(std::vector<SegmentBatch>& batches, const InferBatch& infer, const CancelToken& cancel)
    : batches_(batches), infer_(infer), on_cancel_(cancel, [this] { abort_.request(); }), done_(batches.size()) {
  threads_.reserve(batches.size() - 1);
  try {
    while (threads_.size() + 1 < batches.size()) threads_.emplace_back([this] { work(); });
  } catch (...) {
    stop();
    throw;
  }
}

SegmentBatch* RunsInFlight::to_fill() noexcept {
  // Only the caller's thread changes these two.
  return submitted_ - released_ < batches_.size() ? &batches_[submitted_ % batches_.size()] : nullptr;
}

void RunsInFlight::submit() {
  const std::lock_guard lock(mutex_);
  done_[submitted_ % batches_.size()] = false;
  ++submitted_;
  changed_.notify_all();
}

const SegmentBatch& RunsInFlight::take() {
  const std::size_t at = released_ % batches_.size();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_[at] || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  return batches_[at];
}

double RunsInFlight::seconds() const {
  const std::lock_guard lock(mutex_);
  const auto running = running_ > 0 ? Clock::now() - since_ : Clock::duration{0};
  return std::chrono::duration<double>(computed_ + running).count();
}

void RunsInFlight::work() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || started_ < submitted_; });
    if (stopping_) return;
    const std::size_t at = started_++ % batches_.size();
    SegmentBatch& batch = batches_[at];
    if (running_++ == 0) since_ = Clock::now();
    lock.unlock();
    std::exception_ptr failure;
    try {
      infer_(batch.mix.get(), batch.count, batch.skipped.data(), batch.stems.get(), abort_);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (--running_ == 0) computed_ += Clock::now() - since_;
    if (failure && !failure_) failure_ = failure;
    done_[at] = true;
    changed_.notify_all();
  }
}

void RunsInFlight::stop() noexcept {
  abort_.request();
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

}  // namespace demucs_ort
