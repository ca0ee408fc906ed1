#include "deck/disk_thread.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "demucs_ort/error.hpp"

namespace demucs_ort {

DiskThread::DiskThread(std::function<bool()> step) : step_(std::move(step)) {}

void DiskThread::start() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& failure) {
    throw Error(Status::runtime_failed, std::string("the system starts no more threads: ") + failure.what());
  }
}

DiskThread::~DiskThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
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
