#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "separation/segment_plan.hpp"

namespace demucs_ort {

/// A track cut into short blocks, and which segments of its plan reach which of them.
class BlockGrid {
 public:
  /// Indices of blocks or of segments, `end` excluded.
  struct Range {
    std::size_t first;
    std::size_t end;
  };
  /// Frames of the track.
  struct Clip {
    std::ptrdiff_t start;
    std::size_t frames;
  };

  BlockGrid(std::size_t frames, std::size_t block_frames, SegmentPlan plan);

  std::size_t frames() const noexcept { return frames_; }
  std::size_t block_frames() const noexcept { return block_frames_; }
  const SegmentPlan& plan() const noexcept { return plan_; }

  std::size_t blocks() const noexcept { return segments_of_.size(); }
  std::size_t segments() const noexcept { return plan_.segments().size(); }
  std::size_t start(std::size_t block) const noexcept { return block * block_frames_; }
  /// The last block of the track can be shorter than the others.
  std::size_t frames_of(std::size_t block) const noexcept { return std::min(block_frames_, frames_ - start(block)); }

  Range segments_of(std::size_t block) const noexcept { return segments_of_[block]; }
  Range blocks_of(std::size_t segment) const;
  /// The frames that a segment and a block share.
  Clip clip(std::size_t segment, std::size_t block) const;
  /// The most segments that reach one block.
  std::size_t max_depth() const noexcept { return max_depth_; }

 private:
  std::size_t frames_;
  std::size_t block_frames_;
  SegmentPlan plan_;
  std::vector<Range> segments_of_;  // of each block
  std::size_t max_depth_ = 0;
};

}  // namespace demucs_ort
