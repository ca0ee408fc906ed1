#include "model/run_queue.hpp"

#include <cstddef>
#include <mutex>

#include "base/cancel_state.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {

RunQueue::Turn RunQueue::enter(Priority priority, const CancelToken& cancel) {
  const OnCancel wake(cancel, [this] {
    const std::lock_guard lock(mutex_);  // else the waiter could miss it between its look and its sleep
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  const auto entry = waiting_.emplace(-static_cast<int>(priority), tickets_++).first;
  const auto is_over = [&] { return cancel.requested() || (free_ > 0 && entry == waiting_.begin()); };
  const bool waits = !is_over();
  changed_.wait(lock, is_over);
  waiting_.erase(entry);
  if (cancel.requested()) {
    changed_.notify_all();  // the next may have waited behind this one
    throw_if_cancelled(cancel);
  }
  --free_;
  if (free_ > 0) changed_.notify_all();
  return Turn(*this, waits);
}

std::size_t RunQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void RunQueue::leave() {
  const std::lock_guard lock(mutex_);
  ++free_;
  changed_.notify_all();
}

}  // namespace demucs_ort
