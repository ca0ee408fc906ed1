#include "deck/deck_limits.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

#include "deck/block_grid.hpp"
#include "demucs_ort/error.hpp"

namespace demucs_ort {

DeckLimits DeckLimits::share(std::size_t cache_mb, const BlockGrid& grid, const DeckNeeds& needs) {
  DeckLimits limits{};
  limits.segment_blocks = needs.segment_blocks;
  limits.part_bytes = (grid.max_depth() + needs.workers) * needs.segment_blocks * needs.part_bytes;
  limits.provisional_blocks = needs.provisional ? 2 * needs.segment_blocks : 0;
  // What every worker may be about to finish, and as much again, so that computing seldom waits for the disk.
  limits.unwritten_blocks = needs.spills ? (needs.workers + 1) * needs.segment_blocks : 0;
  const std::size_t fixed =
      limits.part_bytes + (limits.provisional_blocks + limits.unwritten_blocks) * needs.block_bytes;
  const std::size_t min = fixed + std::min(2 * needs.segment_blocks, grid.blocks()) * needs.block_bytes;
  constexpr std::size_t mebibyte = std::size_t{1} << 20U;
  if (cache_mb > std::numeric_limits<std::size_t>::max() / mebibyte || cache_mb * mebibyte < min) {
    throw Error(Status::invalid_argument, "a cache_mb of " + std::to_string(cache_mb) +
                                              " cannot work here; give at least " +
                                              std::to_string((min + mebibyte - 1) / mebibyte));
  }
  limits.final_blocks = (cache_mb * mebibyte - fixed) / needs.block_bytes;
  return limits;
}

}  // namespace demucs_ort
