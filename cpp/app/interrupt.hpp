#pragma once

#include <atomic>

#include "base/joining_thread.hpp"
#include "demucs_ort/cancel.hpp"

/// While it lives, Ctrl-C, termination requests and a closed pipe of messages cancel `token` instead of killing the
/// program; a second request kills.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt() { stop_ = true; }

  /// Starts the thread that cancels. Throws Error runtime_failed if the system starts no more threads.
  void watch();

  const demucs_ort::CancelToken& token() const noexcept { return token_; }
  /// The signal that came, or 0.
  int signal() const noexcept;

 private:
  demucs_ort::CancelToken token_;
  std::atomic<bool> stop_{false};
  demucs_ort::JoiningThread watcher_;  // last: the first to go
};
