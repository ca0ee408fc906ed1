#include "model/run_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"

using namespace demucs_ort;

namespace {

/// Threads that enter a queue whose only place is taken, one after another, and note their turn.
class Line {
 public:
  void join(char name, Priority priority, const CancelToken& cancel = {}) {
    const std::size_t before = queue_.waiting();
    threads_.emplace_back([this, name, priority, cancel] {
      try {
        const auto place = queue_.enter(priority, cancel);
        turns_ += name;
      } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::cancelled);
        ++cancelled_;
      }
    });
    while (queue_.waiting() <= before) std::this_thread::yield();
  }

  void leave_first() { first_.reset(); }
  int cancelled() const { return cancelled_; }

  std::string turns() {
    first_.reset();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return turns_;
  }

 private:
  struct Held {
    explicit Held(RunQueue& queue) : place(queue.enter(Priority::normal, {})) {}
    RunQueue::Turn place;
  };

  RunQueue queue_{1};
  std::unique_ptr<Held> first_ = std::make_unique<Held>(queue_);
  std::vector<std::thread> threads_;
  std::atomic<int> cancelled_{0};
  std::string turns_;  // only ever touched by the holder of the place
};

}  // namespace

TEST(RunQueue, EqualsTakeTurnsInTheOrderOfTheirComing) {
  Line line;
  for (const char name : {'a', 'b', 'c', 'd'}) line.join(name, Priority::normal);
  EXPECT_EQ(line.turns(), "abcd");
}

TEST(RunQueue, HigherPriorityGoesFirst) {
  Line line;
  line.join('l', Priority::background);
  line.join('n', Priority::normal);
  line.join('d', Priority::foreground);
  line.join('m', Priority::normal);
  line.join('e', Priority::foreground);
  EXPECT_EQ(line.turns(), "denml");
}

TEST(RunQueue, CancelEndsTheWaitAtOnceAndHoldsUpNobody) {
  Line line;
  const CancelToken cancel;
  line.join('a', Priority::foreground, cancel);
  line.join('b', Priority::normal);
  cancel.request();
  for (int i = 0; i < 200 && line.cancelled() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(line.cancelled(), 1) << "it waited for the place";
  EXPECT_EQ(line.turns(), "b");
}

TEST(RunQueue, LetsAsManyInAsThereArePlaces) {
  RunQueue queue(2);
  {
    const auto first = queue.enter(Priority::normal, {});
    const auto second = queue.enter(Priority::normal, {});  // would wait for ever for a single place
  }
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        const auto place = queue.enter(static_cast<Priority>(k % 3 - 1), {});
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 2);
}
