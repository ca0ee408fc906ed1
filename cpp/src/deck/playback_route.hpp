#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace demucs_ort {

/// Where a deck plays, written by the audio thread and read by any. In blocks.
class PlaybackPosition {
 public:
  PlaybackPosition(std::size_t frames, std::size_t block_frames) : frames_(frames), block_frames_(block_frames) {}

  void set_playhead(std::size_t frame) noexcept { playhead_.store(frame < frames_ ? frame : frames_ - 1); }
  void set_loop(std::size_t first, std::size_t end) noexcept;

  std::size_t playhead() const noexcept { return playhead_.load(); }

  struct Loop {
    std::size_t first = 0;  // block
    std::size_t end = 0;    // block; 0: no loop
    bool operator==(const Loop&) const = default;
  };
  Loop loop() const noexcept;

 private:
  std::size_t frames_;
  std::size_t block_frames_;
  std::atomic<std::size_t> playhead_{0};
  std::atomic<std::uint64_t> loop_{0};  // both ends in one, so that they always belong together
};

/// All blocks of a track in the order in which they will be needed: from the playhead to where the loop ends, the whole
/// loop; else some seconds ahead; then what lies shortly behind, the cues, all ahead, and the rest from the track's
/// start.
class PlaybackRoute {
 public:
  /// `near`: blocks that count as just ahead.
  PlaybackRoute(std::size_t blocks, std::size_t near);

  void set_cues(const std::vector<std::size_t>& blocks);
  /// Takes in where the deck plays now; true if the order has changed.
  bool follow(std::size_t playhead, const PlaybackPosition::Loop& loop) noexcept;

  std::size_t size() const noexcept { return order_.size(); }
  std::size_t operator[](std::size_t rank) const noexcept { return order_[rank]; }
  std::size_t rank(std::size_t block) const noexcept { return rank_[block]; }

 private:
  static constexpr std::size_t nowhere = ~std::size_t{0};

  void plan() noexcept;
  void visit(std::size_t first, std::size_t end) noexcept;

  std::size_t near_;
  std::vector<std::size_t> cues_;
  std::size_t playhead_ = nowhere;
  PlaybackPosition::Loop loop_;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> rank_;
};

}  // namespace demucs_ort
