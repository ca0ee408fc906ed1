#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

/// What the program says while it works, all of it on standard error. Threads may share it.
class Console {
 public:
  explicit Console(bool quiet);

  void say(const std::string& line);
  void warn(const std::string& line);
  /// Errors are said even when quiet.
  void error(const std::string& line);

  /// How many tracks there will be; 1 without.
  void expect(std::size_t tracks);
  /// Starts the progress display of one track; returns its number.
  std::size_t begin(const std::string& track);
  /// A bar of all tracks with the remaining time on a terminal, a line every tenth of a track elsewhere.
  void progress(std::size_t track, double fraction);
  void end(std::size_t track);

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    std::string name;
    double fraction = 0;
  };
  void print(const std::string& line);
  void draw_bar(std::size_t track);

  bool quiet_;
  bool terminal_;
  std::mutex mutex_;
  bool bar_shown_ = false;
  std::size_t expected_ = 1;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
  std::map<std::size_t, Running> running_;
  Clock::time_point start_;
};
