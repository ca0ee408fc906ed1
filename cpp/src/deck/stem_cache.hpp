#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <vector>

#include "base/spill_file.hpp"
#include "demucs_ort/deck.hpp"

namespace demucs_ort {

/// The stems of one short stretch of a track, all rows (stem x channel). Immutable once it is in a StemCache.
class StemBlock {
 public:
  /// Keeps rows[row][0 .. frames).
  StemBlock(const std::vector<float*>& rows, std::size_t frames, StemStorage storage);
  /// What `save` left there. Throws Error runtime_failed.
  StemBlock(SpillFile& file, std::size_t index, std::size_t rows, std::size_t frames, StemStorage storage);

  static std::size_t size(std::size_t rows, std::size_t frames, StemStorage storage);
  void save(SpillFile& file, std::size_t index) const;

  /// out[0 .. count) = the row's frames from `at` on.
  void copy(std::size_t row, std::size_t at, std::size_t count, float* out, std::size_t stride = 1) const noexcept;
  /// Fades from this block to what `out` holds, whose share grows by `step` a frame from `share` on.
  void blend(std::size_t row, std::size_t at, std::size_t count, float share, float step, float* out,
             std::size_t stride) const noexcept;

 private:
  template <typename Use>
  void for_each(std::size_t row, std::size_t at, std::size_t count, const Use& use) const noexcept;

  std::size_t frames_;
  std::vector<float> exact_;           // [row][frame], or
  std::vector<std::int16_t> compact_;  // the same in units of
  std::vector<float> units_;           // its row
};

/// Where stems go: stems[stem][channel][frame * stride].
struct StemTarget {
  float* const* const* stems;
  std::size_t channels;
  std::size_t stride;
};

/// A track's finished stems, in blocks that come and go while another thread reads them without ever waiting.
///
/// A reader announces itself at a block's entry before it looks what is there. Whoever takes a block away first empties
/// the entry, then frees the block once nobody is announced: either the reader sees an empty entry, or it is seen
/// (sequentially consistent atomics).
class StemCache {
 public:
  enum Kind : std::size_t { final = 0, provisional = 1 };

  StemCache(std::size_t rows, std::size_t frames, std::size_t block_frames, std::size_t fade_frames);

  /// As `Deck::read`; the blocks' rows are stems by channels. One thread at a time.
  DeckRead read(std::size_t frame, std::size_t count, const StemTarget& target) noexcept;

  // All below: guarded by the owner's lock.
  /// In place of the one that is there, if any. Throws std::bad_alloc, and has then changed nothing.
  void put(std::size_t index, Kind kind, std::unique_ptr<const StemBlock> block);
  /// Takes the block away, and frees it as soon as nobody reads it.
  void drop(std::size_t index, Kind kind) noexcept;
  /// Null if there is none.
  const StemBlock* find(std::size_t index, Kind kind) const noexcept { return blocks_[index].shown[kind].load(); }

 private:
  /// A list of one, so that it can be retired without asking for memory.
  struct Held {
    std::size_t index;
    std::unique_ptr<const StemBlock> block;
  };
  struct Entry {
    std::array<std::atomic<const StemBlock*>, 2> shown{};
    std::atomic<std::uint32_t> readers{0};
    std::array<std::forward_list<Held>, 2> held;
  };

  bool shows(std::size_t index, Kind kind) const noexcept;
  std::size_t step(std::size_t index, std::size_t at, std::size_t count, std::size_t done, const StemTarget& target,
                   bool& all_final) noexcept;
  void retire(std::forward_list<Held>& held) noexcept;

  std::size_t rows_;
  std::size_t frames_;
  std::size_t block_frames_;
  std::size_t fade_frames_;
  std::vector<Entry> blocks_;
  std::forward_list<Held> retired_;  // may still be read
  // The reader's own.
  std::size_t next_frame_ = 0;  // where the last read ended
  std::size_t share_ = 0;       // of the final stems there, in units of 1 / fade_frames
  bool reading_ = false;        // whether the last read delivered what came before next_frame_
};

}  // namespace demucs_ort
