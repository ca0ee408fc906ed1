#pragma once

#ifndef _WIN32
#include <unistd.h>
#endif

namespace demucs_ort {

/// The process that made an object. A forked child has a copy of the object, but not of the threads behind it: there,
/// what waits for them would wait for ever.
class Process {
 public:
  /// Whether this is a child of that process.
  bool has_forked() const noexcept { return current() != id_; }

 private:
#ifdef _WIN32
  static long current() noexcept { return 0; }  // no process forks there
#else
  static long current() noexcept { return getpid(); }
#endif

  long id_ = current();
};

}  // namespace demucs_ort
