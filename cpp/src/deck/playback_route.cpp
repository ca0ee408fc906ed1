#include "deck/playback_route.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace demucs_ort {

void PlaybackPosition::set_loop(std::size_t first, std::size_t end) noexcept {
  end = std::min(end, frames_);
  const std::uint64_t first_block = first / block_frames_;
  const std::uint64_t end_block = (end + block_frames_ - 1) / block_frames_;
  loop_.store(first < end ? first_block << 32U | end_block : 0);
}

PlaybackPosition::Loop PlaybackPosition::loop() const noexcept {
  const std::uint64_t both = loop_.load();
  return {static_cast<std::size_t>(both >> 32U), static_cast<std::size_t>(both & 0xFFFFFFFFU)};
}

PlaybackRoute::PlaybackRoute(std::size_t blocks, std::size_t near) : near_(near), rank_(blocks) {
  order_.reserve(blocks);
  follow(0, {});
}

void PlaybackRoute::set_cues(const std::vector<std::size_t>& blocks) {
  cues_ = blocks;
  plan();
}

bool PlaybackRoute::follow(std::size_t playhead, const PlaybackPosition::Loop& loop) noexcept {
  if (playhead == playhead_ && loop == loop_) return false;
  playhead_ = playhead;
  loop_ = loop;
  plan();
  return true;
}

void PlaybackRoute::plan() noexcept {
  std::fill(rank_.begin(), rank_.end(), nowhere);
  order_.clear();
  if (playhead_ < loop_.end) {
    visit(playhead_, loop_.end);
    visit(loop_.first, loop_.end);
  }
  visit(playhead_, playhead_ + near_);
  visit(playhead_ - std::min(playhead_, near_ / 4), playhead_);
  for (const std::size_t cue : cues_) visit(cue, cue + near_ / 2);
  visit(playhead_, rank_.size());
  visit(0, playhead_);
}

void PlaybackRoute::visit(std::size_t first, std::size_t end) noexcept {
  for (std::size_t block = first; block < std::min(end, rank_.size()); ++block) {
    if (rank_[block] != nowhere) continue;
    rank_[block] = order_.size();
    order_.push_back(block);
  }
}

}  // namespace demucs_ort
