#include "deck/disk_thread.hpp"

#include <functional>
#include <mutex>
#include <utility>

#include "base/joining_thread.hpp"

namespace demucs_ort {

DiskThread::DiskThread(std::function<bool()> step) : step_(std::move(step)) {}

void DiskThread::start() {
  thread_ = JoiningThread([this] { run(); });
}

DiskThread::~DiskThread() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  changed_.notify_one();
}

void DiskThread::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void DiskThread::run() noexcept {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (!std::exchange(woken_, false)) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    const bool more = step_();
    lock.lock();
    woken_ = woken_ || more;
  }
}

}  // namespace demucs_ort
