#pragma once

#include <atomic>
#include <thread>

#include "demucs_ort/cancel.hpp"

/// While it lives, Ctrl-C, termination requests and a closed pipe of messages cancel `token` instead of killing the
/// program; a second request kills.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  const demucs_ort::CancelToken& token() const noexcept { return token_; }
  /// The signal that came, or 0.
  int signal() const noexcept;

 private:
  demucs_ort::CancelToken token_;
  std::atomic<bool> stop_{false};
  std::thread watcher_;
};
