#include "console.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace {

bool error_is_terminal() {
#ifdef _WIN32
  return _isatty(_fileno(stderr)) != 0;
#else
  return isatty(STDERR_FILENO) != 0;
#endif
}

std::string minutes(double seconds) {
  const auto whole = static_cast<long>(std::ceil(seconds));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%ld:%02ld", whole / 60, whole % 60);
  return text.data();
}

}  // namespace

Console::Console(bool quiet) : quiet_(quiet), terminal_(error_is_terminal()) {}

void Console::print(const std::string& line) {
  // "\033[K" clears what a longer progress bar left of the line.
  if (bar_shown_) std::cerr << "\r\033[K";
  bar_shown_ = false;
  std::cerr << line << std::endl;
}

void Console::say(const std::string& line) {
  if (!quiet_) print(line);
}

void Console::warn(const std::string& line) { say("warning: " + line); }

void Console::error(const std::string& line) { print("demucs_ort_cli: " + line); }

void Console::begin(const std::string& track) {
  track_ = track;
  tenths_ = 0;
  start_ = Clock::now();
}

void Console::progress(double fraction) {
  if (quiet_) return;
  if (!terminal_) {
    const int tenths = static_cast<int>(fraction * 10 + 1e-9);
    if (tenths > tenths_) print(track_ + ": " + std::to_string(tenths * 10) + " %");
    tenths_ = tenths;
    return;
  }
  constexpr int width = 30;
  const auto filled = static_cast<std::size_t>(std::lround(fraction * width));
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string line = "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] " +
                     std::to_string(static_cast<int>(fraction * 100)) + " %";
  if (fraction > 0 && fraction < 1) line += ", " + minutes(elapsed * (1 - fraction) / fraction) + " left";
  std::cerr << "\r\033[K" << line << std::flush;
  bar_shown_ = true;
}
