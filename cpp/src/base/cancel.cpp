#include "demucs_ort/cancel.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/cancel_state.hpp"
#include "demucs_ort/error.hpp"

namespace demucs_ort {

CancelToken::CancelToken() : state_(std::make_shared<State>()) {}

void CancelToken::request() const noexcept {
  const std::lock_guard lock(state_->mutex);
  if (state_->requested.exchange(true)) return;
  for (const auto& stop : state_->stops) stop();
}

bool CancelToken::requested() const noexcept { return state_->requested.load(); }

OnCancel::OnCancel(const CancelToken& token, std::function<void()> stop) : state_(token.state()) {
  const std::lock_guard lock(state_->mutex);
  entry_ = state_->stops.insert(state_->stops.end(), std::move(stop));
  if (state_->requested) (*entry_)();
}

OnCancel::~OnCancel() {
  const std::lock_guard lock(state_->mutex);
  state_->stops.erase(entry_);
}

void throw_if_cancelled(const CancelToken& token, const char* what) {
  if (token.requested()) throw Error(Status::cancelled, std::string(what) + " was cancelled");
}

}  // namespace demucs_ort
