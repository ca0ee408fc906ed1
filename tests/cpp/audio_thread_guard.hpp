#pragma once

/// While one lives, the calling thread is an audio thread inside its callback: the process aborts, naming the call and
/// where it came from, as soon as that thread allocates or frees memory, takes or leaves a lock, uses a condition
/// variable or a semaphore, or makes any other system call. Reading a clock through the vDSO is none.
///
/// Compile audio_thread_guard.cpp into the test program itself: its functions stand before those of the C library, for
/// shared libraries, too. For Linux with glibc. System calls are seen on x86-64 without a sanitizer;
/// `sees_system_calls` tells.
///
/// Use it on a thread made for it that starts no other: the system calls of such a thread go through a filter for the
/// rest of its life, and are slow.
class AudioThreadGuard {
 public:
  AudioThreadGuard() noexcept;
  ~AudioThreadGuard();
  AudioThreadGuard(const AudioThreadGuard&) = delete;
  AudioThreadGuard& operator=(const AudioThreadGuard&) = delete;

  static bool sees_system_calls() noexcept;
};
