#pragma once

#include <cstddef>
#include <vector>

#include "deck_player.hpp"

/// What the keys of a mixing desk do to the stems of a player.
class Desk {
 public:
  Desk(DeckPlayer& player, std::size_t stems) : player_(player), strips_(stems) {}

  struct Strip {
    bool muted = false;
    bool solo = false;
  };
  const std::vector<Strip>& strips() const noexcept { return strips_; }
  std::size_t chosen() const noexcept { return chosen_; }
  /// A stem is heard if it is solo, or if none is solo and it is not muted.
  bool audible(std::size_t stem) const noexcept;

  /// To the next stem up or down, around the end.
  void choose(int step) noexcept;
  void mute(std::size_t stem) noexcept;
  void solo(std::size_t stem) noexcept;

 private:
  void apply() noexcept;

  DeckPlayer& player_;
  std::vector<Strip> strips_;
  std::size_t chosen_ = 0;
};
