#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "demucs_ort/cancel.hpp"

namespace demucs_ort {

struct CancelToken::State {
  std::atomic<bool> requested{false};
  std::mutex mutex;  // guards stops, and keeps a stop from outliving what it stops
  std::list<std::function<void()>> stops;
};

/// While it lives, a request on the token calls `stop` once: at once if the request came before.
class OnCancel {
 public:
  OnCancel(const CancelToken& token, std::function<void()> stop);
  OnCancel(const OnCancel&) = delete;
  OnCancel& operator=(const OnCancel&) = delete;
  ~OnCancel();

 private:
  std::shared_ptr<CancelToken::State> state_;
  std::list<std::function<void()>>::iterator entry_;
};

/// What a cancelled `Model::load` was about.
constexpr const char* loading = "the loading of the model";

/// Throws Error cancelled, of `what` was going on, if the token was triggered.
void throw_if_cancelled(const CancelToken& token, const char* what = "the separation");

}  // namespace demucs_ort
