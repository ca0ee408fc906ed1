#include "console.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <string>

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

Console::Console(bool quiet) : quiet_(quiet), terminal_(error_is_terminal()), start_(Clock::now()) {}

void Console::print(const std::string& line) {
  const std::lock_guard lock(mutex_);
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

void Console::expect(std::size_t tracks) {
  const std::lock_guard lock(mutex_);
  expected_ = tracks;
  start_ = Clock::now();
}

std::size_t Console::begin(const std::string& track) {
  const std::lock_guard lock(mutex_);
  running_[++begun_] = {track, 0};
  return begun_;
}

void Console::end(std::size_t track) {
  const std::lock_guard lock(mutex_);
  running_.erase(track);
  ++ended_;
}

void Console::progress(std::size_t track, double fraction) {
  if (quiet_) return;
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    Running& running = running_[track];
    const int before = static_cast<int>(running.fraction * 10 + 1e-9);
    const int tenths = static_cast<int>(fraction * 10 + 1e-9);
    running.fraction = fraction;
    if (terminal_) {
      draw_bar(track);
    } else if (tenths > before) {
      if (expected_ > 1) line = "[" + std::to_string(track) + "/" + std::to_string(expected_) + "] ";
      line += running.name + ": " + std::to_string(tenths * 10) + " %";
    }
  }
  if (!line.empty()) print(line);
}

void Console::draw_bar(std::size_t track) {
  double done = static_cast<double>(ended_);
  for (const auto& [number, running] : running_) done += running.fraction;
  const double fraction = done / static_cast<double>(expected_);
  constexpr int width = 30;
  const auto filled = static_cast<std::size_t>(std::lround(fraction * width));
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string line = "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] " +
                     std::to_string(static_cast<int>(fraction * 100)) + " %";
  if (fraction > 0 && fraction < 1) line += ", " + minutes(elapsed * (1 - fraction) / fraction) + " left";
  if (expected_ > 1) {
    const Running& running = running_[track];
    line += ", " + std::to_string(track) + "/" + std::to_string(expected_) + " " +
            std::to_string(static_cast<int>(running.fraction * 100)) + " % " + running.name;
  }
  std::cerr << "\r\033[K" << line << std::flush;
  bar_shown_ = true;
}
