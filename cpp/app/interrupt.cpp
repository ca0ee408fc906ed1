#include "interrupt.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#ifndef _WIN32
#include <signal.h>
#endif

#include "base/joining_thread.hpp"

namespace {

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

#ifdef SIGPIPE
constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
constexpr int reader_is_gone = SIGPIPE;
#else
constexpr int signals[] = {SIGINT, SIGTERM, SIGBREAK};  // the last one is Ctrl-Break, all that reaches other groups
constexpr int reader_is_gone = 0;
#endif

extern "C" void on_signal(int number) {
  received = number;
  // Whoever sends a second signal is in a hurry; what is still printed into a closed pipe is not.
  std::signal(number, number == reader_is_gone ? SIG_IGN : SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  received = 0;
  for (const int number : signals) {
    // A parent that ignores a signal (nohup) means it for its children too.
    if (std::signal(number, on_signal) == SIG_IGN) std::signal(number, SIG_IGN);
  }
#ifdef SIGXFSZ
  // Writing beyond a file size limit then fails like a full disk instead of killing the program.
  std::signal(SIGXFSZ, SIG_IGN);
#endif
}

void Interrupt::watch() {
  // Cancelling takes a lock, which a signal handler must not.
  watcher_ = demucs_ort::JoiningThread([this] {
    while (!stop_) {
      if (received != 0) token_.request();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
}

int Interrupt::signal() const noexcept { return received; }
