#include "deck/block_grid.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "separation/segment_plan.hpp"

namespace demucs_ort {
namespace {

std::ptrdiff_t end_of(const Segment& segment) { return segment.start + static_cast<std::ptrdiff_t>(segment.frames); }

}  // namespace

BlockGrid::BlockGrid(std::size_t frames, std::size_t block_frames, SegmentPlan plan)
    : frames_(frames), block_frames_(block_frames), plan_(std::move(plan)) {
  const auto& segments = plan_.segments();
  const std::size_t blocks = (frames_ + block_frames_ - 1) / block_frames_;
  segments_of_.reserve(blocks);
  Range range{0, 0};
  for (std::size_t block = 0; block < blocks; ++block) {
    const auto first = static_cast<std::ptrdiff_t>(start(block));
    const auto end = first + static_cast<std::ptrdiff_t>(frames_of(block));
    // Both starts and ends of the plan's segments ascend.
    while (end_of(segments[range.first]) <= first) ++range.first;
    while (range.end < segments.size() && segments[range.end].start < end) ++range.end;
    segments_of_.push_back(range);
    max_depth_ = std::max(max_depth_, range.end - range.first);
  }
}

BlockGrid::Range BlockGrid::blocks_of(std::size_t segment) const {
  const auto start = std::max<std::ptrdiff_t>(plan_.segments()[segment].start, 0);
  Range range{static_cast<std::size_t>(start) / block_frames_, 0};
  range.end = range.first;
  while (range.end < blocks() && clip(segment, range.end).frames > 0) ++range.end;
  return range;
}

BlockGrid::Clip BlockGrid::clip(std::size_t segment, std::size_t block) const {
  const Segment& whole = plan_.segments()[segment];
  const auto first = static_cast<std::ptrdiff_t>(start(block));
  const std::ptrdiff_t from = std::max(whole.start, first);
  const std::ptrdiff_t end = std::min(end_of(whole), first + static_cast<std::ptrdiff_t>(frames_of(block)));
  return {from, end > from ? static_cast<std::size_t>(end - from) : 0};
}

}  // namespace demucs_ort
