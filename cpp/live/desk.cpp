#include "desk.hpp"

#include <algorithm>
#include <cstddef>

bool Desk::audible(std::size_t stem) const noexcept {
  const bool any = std::any_of(strips_.begin(), strips_.end(), [](const Strip& strip) { return strip.solo; });
  return any ? strips_[stem].solo : !strips_[stem].muted;
}

void Desk::choose(int step) noexcept {
  chosen_ = (chosen_ + strips_.size() + static_cast<std::size_t>(step)) % strips_.size();
}

void Desk::mute(std::size_t stem) noexcept {
  if (stem >= strips_.size()) return;
  strips_[stem].muted = !strips_[stem].muted;
  apply();
}

void Desk::solo(std::size_t stem) noexcept {
  if (stem >= strips_.size()) return;
  strips_[stem].solo = !strips_[stem].solo;
  apply();
}

void Desk::apply() noexcept {
  for (std::size_t s = 0; s < strips_.size(); ++s) player_.set_audible(s, audible(s));
}
