#include "audio_thread_guard.hpp"

#include <gtest/gtest.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

namespace {

/// Does `work` as an audio thread does its callback.
void on_audio_thread(const std::function<void()>& work) {
  std::thread([&] {
    const AudioThreadGuard guard;
    work();
  }).join();
}

volatile float result;
void* volatile memory;

#define EXPECT_ABORT(work, what) EXPECT_DEATH(on_audio_thread(work), "audio thread called " what)

}  // namespace

TEST(AudioThreadGuard, LetsComputeAndReadTheClock) {
  std::atomic<int> blocks{0};
  std::thread([&] {
    for (int i = 0; i < 100; ++i) {
      {
        const AudioThreadGuard guard;
        result = std::sin(static_cast<float>(std::chrono::steady_clock::now().time_since_epoch().count()));
        blocks.fetch_add(1, std::memory_order_release);
      }
      // Between the callbacks the thread may do what it likes.
      memory = std::malloc(100000);
      std::free(memory);
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
  }).join();
  EXPECT_EQ(blocks, 100);
}

TEST(AudioThreadGuard, LeavesOtherThreadsAlone) {
  std::atomic<bool> inside{false};
  std::atomic<bool> finished{false};
  std::thread audio([&] {
    const AudioThreadGuard guard;
    inside = true;
    while (!finished) {
    }
  });
  while (!inside) std::this_thread::yield();
  std::mutex mutex;
  for (int i = 0; i < 100; ++i) {
    const std::lock_guard lock(mutex);
    memory = std::malloc(100);
    std::free(memory);
    std::this_thread::sleep_for(std::chrono::microseconds(10));
  }
  finished = true;
  audio.join();
}

TEST(AudioThreadGuardDeathTest, AbortsOnMemory) {
  void* before = std::malloc(10);
  EXPECT_ABORT([] { memory = std::malloc(10); }, "malloc");
  EXPECT_ABORT([] { memory = new int; }, "malloc");
  EXPECT_ABORT([&] { std::free(before); }, "free");
  // Kept: a compiler may do without the memory of a function that is gone at once.
  std::function<float(float)> kept;
  EXPECT_ABORT(([&] { kept = [a = std::array<float, 99>{}](float x) { return a[0] * x; }; }), "malloc");
  std::free(before);
}

TEST(AudioThreadGuardDeathTest, AbortsOnLocksAndSignals) {
  std::mutex mutex;
  std::condition_variable changed;
  sem_t semaphore;
  sem_init(&semaphore, 0, 1);
  EXPECT_ABORT([&] { mutex.lock(); }, "pthread_mutex_lock");
  EXPECT_ABORT([&] { static_cast<void>(mutex.try_lock()); }, "pthread_mutex_trylock");
  EXPECT_ABORT([&] { changed.notify_one(); }, "pthread_cond_signal");
  EXPECT_ABORT([&] { changed.notify_all(); }, "pthread_cond_broadcast");
  EXPECT_ABORT([&] { sem_wait(&semaphore); }, "sem_wait");
  EXPECT_ABORT([&] { sem_post(&semaphore); }, "sem_post");
}

TEST(AudioThreadGuardDeathTest, AbortsOnSystemCalls) {
  if (!AudioThreadGuard::sees_system_calls()) GTEST_SKIP() << "system calls are not seen in this build";
  EXPECT_ABORT([] { std::this_thread::sleep_for(std::chrono::nanoseconds(1)); }, "the system, number");
  EXPECT_ABORT([] { std::this_thread::yield(); }, "the system, number");
  EXPECT_ABORT([] { memory = reinterpret_cast<void*>(static_cast<std::size_t>(getppid())); }, "the system, number");
  std::atomic<int> number{1};
  EXPECT_ABORT([&] { number.wait(1); }, "the system, number");
}
