#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/joining_thread.hpp"

namespace demucs_ort {

/// A thread that, once started, takes one step after another as long as there is something to do, and then sleeps until
/// it is woken.
class DiskThread {
 public:
  /// `step` does what is to be done next, and returns false if that is nothing.
  explicit DiskThread(std::function<bool()> step);
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;
  /// Waits for the step that is being taken.
  ~DiskThread();

  /// Throws Error runtime_failed.
  void start();
  void wake() noexcept;

 private:
  void run() noexcept;

  std::function<bool()> step_;
  std::mutex mutex_;  // guards
  bool woken_ = false;
  bool closing_ = false;
  std::condition_variable changed_;
  JoiningThread thread_;  // last: the first to go
};

}  // namespace demucs_ort
