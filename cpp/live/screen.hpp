#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "deck_player.hpp"
#include "demucs_ort/deck.hpp"
#include "desk.hpp"

/// What a key asks for.
enum class Key { none, quit, pause, back, forward, start, up, down, mute, solo, digit };

struct Press {
  Key key = Key::none;
  std::size_t digit = 0;  ///< of Key::digit, counted from 0
};

/// The terminal, while it lives: a line for the track, one for the deck, a meter for each stem.
class Screen {
 public:
  /// Throws ExitError exit_usage if this is no terminal.
  Screen(std::string title, int sample_rate);
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  /// Waits for a key for a twentieth of a second.
  Press wait();
  void draw(const demucs_ort::Deck& deck, DeckPlayer& player, const Desk& desk);

 private:
  std::string time(std::size_t frame) const;

  std::string title_;
  int sample_rate_;
  std::vector<float> levels_;  // shown by the meters, dB; they fall slowly
};
