#pragma once

#include <string>
#include <utility>

#include "demucs_ort/log.hpp"

namespace demucs_ort {

/// The level that the host has set.
LogLevel log_level() noexcept;

inline bool logs(LogLevel level) noexcept { return level <= log_level(); }

/// Hands the message to the host's callback. Not on audio threads, and not while a lock is held that others wait for.
void log_message(LogLevel level, const std::string& message) noexcept;

/// The same with what `make` returns, which is asked only if somebody listens. For want of memory a message is lost.
template <typename Make>
void log(LogLevel level, Make&& make) noexcept {
  if (!logs(level)) return;
  try {
    log_message(level, std::forward<Make>(make)());
  } catch (...) {  // a log must not change what it reports
  }
}

}  // namespace demucs_ort
