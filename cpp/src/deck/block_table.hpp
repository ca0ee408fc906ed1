#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace demucs_ort {

/// What a segment contributes to a block, unweighted.
struct BlockPart {
  std::size_t segment;
  std::vector<float> rows;  // [source x channel][frames that both share]
};

/// What a deck has of one block.
struct BlockStatus {
  bool final = false;            ///< its final stems are in memory
  bool provisional = false;      ///< provisional ones are
  bool spilled = false;          ///< its final stems are in the spill file
  bool finishing = false;        ///< all parts were there, and a worker puts them together
  std::vector<BlockPart> parts;  ///< while some are still missing

  bool readable() const noexcept { return final || provisional; }
  bool finished() const noexcept { return final || spilled; }
  bool has_part(std::size_t segment) const noexcept {
    return std::any_of(parts.begin(), parts.end(), [&](const BlockPart& part) { return part.segment == segment; });
  }
};

/// What a deck has of its track: kept by its BlockStore, looked at by its DeckPlanner.
struct BlockTable {
  explicit BlockTable(std::size_t count, bool spills_in = false) : blocks(count), spills(spills_in) {}

  std::vector<BlockStatus> blocks;
  std::size_t final_blocks = 0;  // in memory
  std::size_t provisional_blocks = 0;
  std::size_t part_bytes = 0;
  bool spills;  ///< whether there is a spill file
};

/// What has to leave memory.
struct Surplus {
  enum class Kind { parts, provisional, final };
  Kind kind;
  std::size_t block;
};

}  // namespace demucs_ort
