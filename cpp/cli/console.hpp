#pragma once

#include <chrono>
#include <string>

/// What the program says while it works, all of it on standard error.
class Console {
 public:
  explicit Console(bool quiet);

  void say(const std::string& line);
  void warn(const std::string& line);
  /// Errors are said even when quiet.
  void error(const std::string& line);

  /// Starts the progress display of one track.
  void begin(const std::string& track);
  /// A bar with the remaining time on a terminal, a line every tenth elsewhere.
  void progress(double fraction);

 private:
  using Clock = std::chrono::steady_clock;
  void print(const std::string& line);

  bool quiet_;
  bool terminal_;
  bool bar_shown_ = false;
  int tenths_ = 0;
  std::string track_;
  Clock::time_point start_;
};
