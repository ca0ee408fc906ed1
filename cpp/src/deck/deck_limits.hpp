#pragma once

#include <cstddef>

#include "deck/block_grid.hpp"

namespace demucs_ort {

/// What decides how much memory a deck needs.
struct DeckNeeds {
  std::size_t block_bytes;     ///< of a block's stems
  std::size_t part_bytes;      ///< of what a segment contributes to a block
  std::size_t segment_blocks;  ///< the most blocks that one segment reaches
  unsigned workers;
  bool provisional;
  bool spills;
};

/// How a deck's memory is shared out.
struct DeckLimits {
  std::size_t segment_blocks;      ///< the most blocks that one segment reaches
  std::size_t part_bytes;          ///< parts of as many segments as one block can need, with some in flight
  std::size_t provisional_blocks;  ///< two windows of the provisional model
  std::size_t final_blocks;        ///< the rest
  std::size_t unwritten_blocks;    ///< more final ones that only stay until they are in the spill file

  /// Throws Error invalid_argument, which names the least that works.
  static DeckLimits share(std::size_t cache_mb, const BlockGrid& grid, const DeckNeeds& needs);
};

}  // namespace demucs_ort
