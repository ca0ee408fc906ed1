#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/stem_cache.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"

namespace demucs_ort {

/// Everything a deck has of its track: finished stems in memory and in the spill file, and parts of unfinished blocks.
/// Keeps what it is given until it is told to drop it. Thread-safe; the disk is used without the lock.
class BlockStore {
 public:
  struct Format {
    std::size_t rows;  ///< stem x channel
    std::size_t channels;
    StemStorage storage;
    std::size_t fade_frames;  ///< from provisional to final stems
  };

  /// `file`: null if nothing is to be spilled.
  BlockStore(const BlockGrid& grid, const Format& format, std::unique_ptr<SpillFile> file);

  /// As `Deck::read`: real-time safe, one thread at a time.
  DeckRead read(std::size_t frame, std::size_t frames, float* const* const* stems, std::size_t stride = 1) noexcept {
    return cache_.read(frame, frames, {stems, format_.channels, stride});
  }

  /// What `use` makes of the table, which stays as it is meanwhile.
  template <typename Use>
  auto look(const Use& use) const {
    const std::lock_guard lock(mutex_);
    return use(table_);
  }
  bool spills() const {
    return look([](const BlockTable& table) { return table.spills; });
  }
  std::size_t block_bytes() const noexcept { return StemBlock::size(format_.rows, block_frames_, format_.storage); }

  /// Throws std::bad_alloc, as `add` does, and has then changed nothing.
  void put(std::size_t block, StemCache::Kind kind, std::unique_ptr<const StemBlock> stems);
  /// Takes a part of an unfinished block, if it is not there yet. If it is the last of `wanted` ones, returns all: the
  /// caller finishes the block and then calls `put` or, if that fails, `give_up`.
  std::optional<std::vector<BlockPart>> add(std::size_t block, BlockPart part, std::size_t wanted);
  void give_up(std::size_t block) noexcept;
  void drop(const Surplus& surplus) noexcept;

  // One thread at a time, and only with a spill file. If the disk fails, nothing is spilled any more and what was is
  // forgotten.
  /// Writes a block that is in memory, where it stays.
  void spill(std::size_t block);
  /// Reads a block that was spilled; null if the disk fails.
  std::unique_ptr<const StemBlock> load(std::size_t block);
  /// Why the spill file is no longer used.
  std::optional<Error> spill_failure() const;

 private:
  void stop_spilling(const Error& failure) noexcept;

  Format format_;
  std::size_t block_frames_;
  std::unique_ptr<SpillFile> file_;
  StemCache cache_;
  mutable std::mutex mutex_;  // guards the cache but for reading it, and all below
  BlockTable table_;
  std::optional<Error> spill_failure_;
};

}  // namespace demucs_ort
