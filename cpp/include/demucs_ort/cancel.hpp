#pragma once

#include <memory>

#include "demucs_ort/export.h"

namespace demucs_ort {

/// Stops a running call from outside. Copies share one state; once requested it stays requested.
///
/// Pass one to `Separator::separate` or `Model::run` and call `request()` from any thread: the call stops inside the
/// segment being computed and throws `Error` with `Status::cancelled`. The `Model` and `Separator` stay usable.
/// Thread-safe. `request()` takes a mutex, so it belongs neither in a signal handler nor on an audio thread.
class DEMUCS_ORT_EXPORT CancelToken {
 public:
  CancelToken();
  void request() const noexcept;
  bool requested() const noexcept;

  struct State;  // library-internal
  const std::shared_ptr<State>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace demucs_ort
