#pragma once

// Doors may use this header, too: it needs nothing but the public Error.
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "demucs_ort/error.hpp"

namespace demucs_ort {

/// A thread that is waited for before the object goes. What ends its work has to be said before.
class JoiningThread {
 public:
  static constexpr const char* refused = "the system starts no more threads";

  JoiningThread() = default;
  /// Throws Error runtime_failed if the system starts no more threads, and std::bad_alloc.
  template <typename Work, typename = std::enable_if_t<!std::is_same_v<std::decay_t<Work>, JoiningThread>>>
  explicit JoiningThread(Work&& work) : thread_(start(std::forward<Work>(work))) {}
  JoiningThread(JoiningThread&&) noexcept = default;
  JoiningThread& operator=(JoiningThread&& other) noexcept {
    join();
    thread_ = std::move(other.thread_);
    return *this;
  }
  ~JoiningThread() { join(); }

  /// Waits until the work is done; does nothing if there is none.
  void join() noexcept {
    if (thread_.joinable()) thread_.join();
  }

 private:
  template <typename Work>
  static std::thread start(Work&& work) {
    try {
      return std::thread(std::forward<Work>(work));
    } catch (const std::system_error& failure) {
      throw Error(Status::runtime_failed,
                  std::string(refused) + " (" + failure.what() + "); end other programs, or ask for fewer threads");
    }
  }

  std::thread thread_;
};

}  // namespace demucs_ort
