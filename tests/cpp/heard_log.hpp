// What the library says while a test listens.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "demucs_ort/log.hpp"

class HeardLog {
 public:
  explicit HeardLog(demucs_ort::LogLevel level) {
    demucs_ort::set_log(level, [this](demucs_ort::LogLevel of, const std::string& message) {
      const std::lock_guard lock(mutex_);
      messages_.emplace_back(of, message);
      changed_.notify_all();
    });
  }
  HeardLog(const HeardLog&) = delete;
  HeardLog& operator=(const HeardLog&) = delete;
  ~HeardLog() { demucs_ort::set_log(demucs_ort::LogLevel::off); }

  /// How many messages of the level hold the text.
  std::size_t count(demucs_ort::LogLevel level, const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return count_locked(level, text);
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }
  /// Waits for a message that another thread has; false after a minute.
  bool wait_for(demucs_ort::LogLevel level, const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return count_locked(level, text) > 0; });
  }
  /// All of it, for a failure's report.
  std::string all() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [level, message] : messages_)
      text += std::to_string(static_cast<int>(level)) + " " + message + "\n";
    return text;
  }

 private:
  std::size_t count_locked(demucs_ort::LogLevel level, const std::string& text) const {
    return static_cast<std::size_t>(std::count_if(messages_.begin(), messages_.end(), [&](const auto& one) {
      return one.first == level && one.second.find(text) != std::string::npos;
    }));
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<demucs_ort::LogLevel, std::string>> messages_;
};
