// A spill file on a disk that takes as long as a test wants.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <initializer_list>
#include <mutex>
#include <span>

#include "base/spill_file.hpp"

/// Holds up whoever comes to it while it is closed.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    --waiting_;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until somebody is held up.
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::minutes(1), [&] { return waiting_ > 0 && !open_; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

class HeldSpillFile : public demucs_ort::SpillFile {
 public:
  HeldSpillFile(Gate& writing, Gate& reading) : SpillFile(testing::TempDir()), writing_(writing), reading_(reading) {}

  void put(std::size_t index, std::initializer_list<std::span<const std::byte>> parts) override {
    writing_.pass();
    SpillFile::put(index, parts);
  }
  void get(std::size_t index, std::initializer_list<std::span<std::byte>> parts) override {
    reading_.pass();
    SpillFile::get(index, parts);
  }

 private:
  Gate& writing_;
  Gate& reading_;
};
