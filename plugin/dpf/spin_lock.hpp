// Takes the place of DPF's Mutex.hpp in the CLAP plug-in. There the face hands changes of parameters to the audio
// thread in a queue, which that thread tries to lock in each block: DPF with a mutex of the system, we without a call.
#pragma once

#ifdef DISTRHO_MUTEX_HPP_INCLUDED
#error "DPF's Mutex.hpp was included before DistrhoPluginInfo.h"
#endif
#define DISTRHO_MUTEX_HPP_INCLUDED

#include <atomic>
#include <thread>

namespace demucs_ort::plugin {

/// Held for a few instructions only. The audio thread does not wait for it, but only tries.
class SpinLock {
 public:
  /// Thread: that of the face.
  void lock() const noexcept {
    while (!try_lock()) std::this_thread::yield();
  }
  /// Thread: any; real-time safe.
  bool try_lock() const noexcept { return !held_.exchange(true, std::memory_order_acquire); }
  /// Thread: who holds it; real-time safe.
  void unlock() const noexcept { held_.store(false, std::memory_order_release); }

 private:
  mutable std::atomic<bool> held_{false};
};

class SpinLocker {
 public:
  explicit SpinLocker(const SpinLock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~SpinLocker() { lock_.unlock(); }
  SpinLocker(const SpinLocker&) = delete;
  SpinLocker& operator=(const SpinLocker&) = delete;

 private:
  const SpinLock& lock_;
};

class SpinTryLocker {
 public:
  explicit SpinTryLocker(const SpinLock& lock) noexcept : lock_(lock), locked_(lock.try_lock()) {}
  ~SpinTryLocker() {
    if (locked_) lock_.unlock();
  }
  SpinTryLocker(const SpinTryLocker&) = delete;
  SpinTryLocker& operator=(const SpinTryLocker&) = delete;
  bool wasLocked() const noexcept { return locked_; }  // DPF's name

 private:
  const SpinLock& lock_;
  const bool locked_;
};

}  // namespace demucs_ort::plugin

// DPF's names, up to 1.6 and from 1.7 on, where no thread takes the lock a second time while it holds it either.
namespace DISTRHO {
using Mutex = demucs_ort::plugin::SpinLock;
using MutexLocker = demucs_ort::plugin::SpinLocker;
using MutexTryLocker = demucs_ort::plugin::SpinTryLocker;
using RecursiveMutex = demucs_ort::plugin::SpinLock;
using RecursiveMutexLocker = demucs_ort::plugin::SpinLocker;
using RecursiveMutexTryLocker = demucs_ort::plugin::SpinTryLocker;
}  // namespace DISTRHO
