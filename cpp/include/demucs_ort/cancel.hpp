#pragma once

/// Stopping a running call from another thread. Example (`separator`, `mix`, `frames` and `stems` as in separator.hpp):
///
///     demucs_ort::CancelToken cancel;
///     std::thread button([cancel] { cancel.request(); });       // any thread, as soon as the user asks for it
///     try {
///       separator.separate(mix, frames, stems, {}, cancel);     // stops inside the segment that is being computed
///     } catch (const demucs_ort::Error& error) {
///       if (error.status() != demucs_ort::Status::cancelled) throw;
///     }
///     button.join();

#include <memory>

#include "demucs_ort/export.h"

namespace demucs_ort {

/// Stops a running call. Copies share one state. A token that was requested stays requested: take a new one for the
/// next call.
///
/// Pass a token to `Separator::separate`, `Model::run` or another call that takes one. After `request()` that call
/// stops inside the segment that is being computed and throws `Error` with `Status::cancelled`. The `Model` and the
/// `Separator` stay usable.
class DEMUCS_ORT_EXPORT CancelToken {
 public:
  CancelToken();
  /// Asks the calls that hold this token to stop; returns without waiting for them.
  /// Thread: any, but neither a signal handler nor an audio thread, because it takes a mutex.
  void request() const noexcept;
  /// Whether `request()` was called on this token or a copy of it.
  /// Thread: any; real-time safe.
  bool requested() const noexcept;

  struct State;  // library-internal
  const std::shared_ptr<State>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace demucs_ort
