#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

inline namespace demucs_ort_files {

/// Hands items from one thread to another, in order. It makes no more of them than it was given: they are filled anew,
/// so that memory stays the same however fast one side is. Each side waits for the other.
template <typename Item>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t items) : items_(items) {}

  /// Of the thread that fills: an item to fill, once one is free; null when the queue was closed.
  Item* to_fill() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || filled_ - emptied_ < items_.size(); });
    return closed_ ? nullptr : &items_[filled_ % items_.size()];
  }
  /// The item of the last `to_fill` is complete.
  void filled() {
    change([&] { ++filled_; });
  }
  /// There will be no more items.
  void end() {
    change([&] { ended_ = true; });
  }

  /// Of the thread that empties: the next item, once there is one; null after the last, or when the queue was closed.
  Item* to_empty() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || ended_ || emptied_ < filled_; });
    return closed_ || emptied_ == filled_ ? nullptr : &items_[emptied_ % items_.size()];
  }
  /// The item of the last `to_empty` is no longer needed.
  void emptied() {
    change([&] { ++emptied_; });
  }

  /// Of any thread: gives up; nobody waits any longer.
  void close() {
    change([&] { closed_ = true; });
  }

 private:
  template <typename Change>
  void change(Change what) {
    const std::lock_guard lock(mutex_);
    what();
    changed_.notify_all();
  }

  std::vector<Item> items_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::size_t filled_ = 0;
  std::size_t emptied_ = 0;
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace demucs_ort_files
