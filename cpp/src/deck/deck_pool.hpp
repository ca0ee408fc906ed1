#pragma once

#include "deck/deck_workers.hpp"
#include "demucs_ort/deck.hpp"

namespace demucs_ort {

/// What a Deck sees of its pool.
struct DeckPool::Impl : DeckWorkers {
  using DeckWorkers::DeckWorkers;
};

}  // namespace demucs_ort
