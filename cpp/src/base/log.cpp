#include "base/log.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <utility>

#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"

namespace demucs_ort {
namespace {

std::atomic<LogLevel> current{LogLevel::off};

struct Listener {
  std::mutex mutex;  // held during a call, so that calls do not overlap and none outlives `set_log`
  LogCallback callback;
};

/// It is never destroyed: threads may have something to say while the process ends.
Listener& listener() {
  static auto& only = *new Listener;
  return only;
}

thread_local bool inside = false;

struct Inside {
  Inside() { inside = true; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { inside = false; }
};

}  // namespace

LogLevel log_level() noexcept { return current.load(std::memory_order_relaxed); }

void log_message(LogLevel level, const std::string& message) noexcept {
  if (inside) return;
  try {
    auto& to = listener();
    const std::lock_guard lock(to.mutex);
    const Inside mark;
    if (to.callback && logs(level)) to.callback(level, message);
  } catch (...) {  // the callback's own trouble
  }
}

void set_log(LogLevel level, LogCallback callback) {
  if (level < LogLevel::off || level > LogLevel::debug) {
    throw Error(Status::invalid_argument, "there is no log level " + std::to_string(static_cast<int>(level)) +
                                              "; levels are 0 (off) to 4 (debug)");
  }
  if (inside) {
    throw Error(Status::invalid_argument, "a log callback must not call set_log; call it from outside the callback");
  }
  if (level == LogLevel::off) callback = {};
  auto& to = listener();
  const std::lock_guard lock(to.mutex);
  current = callback ? level : LogLevel::off;
  std::swap(to.callback, callback);
}

}  // namespace demucs_ort
