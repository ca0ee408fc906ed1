#include "separation/segment_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "separation/segment_spacing.hpp"

namespace demucs_ort {
namespace {

std::vector<double> make_triangle(std::size_t frames) {
  std::vector<double> triangle(frames);
  const std::size_t rise = frames / 2;
  const std::size_t peak = frames - rise;
  for (std::size_t i = 0; i < frames; ++i) {
    const std::size_t height = i < rise ? i + 1 : frames - i;
    triangle[i] = static_cast<double>(height) / static_cast<double>(peak);
  }
  return triangle;
}

}  // namespace

SegmentPlan::SegmentPlan(std::size_t track_frames, std::size_t segment_frames, const SegmentSpacing& spacing)
    : SegmentPlan(track_frames, segment_frames, spacing.stride, spacing.leads) {}

SegmentPlan::SegmentPlan(std::size_t track_frames, std::size_t segment_frames, std::size_t stride,
                         const std::vector<std::size_t>& leads)
    : segment_frames_(segment_frames), stride_(stride), triangle_(make_triangle(segment_frames)) {
  for (std::size_t pass = 0; pass < leads.size(); ++pass) {
    const std::size_t walk = leads[pass] + track_frames;
    pass_sizes_.push_back((walk + stride - 1) / stride);
    for (std::size_t index = 0; index < pass_sizes_.back(); ++index) {
      const std::size_t offset = index * stride;
      const std::size_t frames = std::min(segment_frames, walk - offset);
      const auto start = static_cast<std::ptrdiff_t>(offset) - static_cast<std::ptrdiff_t>(leads[pass]);
      const auto before = static_cast<std::ptrdiff_t>((segment_frames - frames) / 2);
      segments_.push_back({start - before, start, frames, pass, index});
    }
  }
  std::stable_sort(segments_.begin(), segments_.end(),
                   [](const Segment& a, const Segment& b) { return a.start < b.start; });
}

void SegmentPlan::blend_weights(const Segment& segment, std::size_t first, std::size_t count, float* weights) const {
  const auto passes = static_cast<double>(pass_sizes_.size());
  const std::size_t last = pass_sizes_[segment.pass] - 1;
  for (std::size_t i = first; i < first + count; ++i) {
    // The same frame is i + k * stride frames into the segment k places earlier, i - k * stride into a later one.
    double sum = triangle_[i];
    std::size_t at = i;
    for (std::size_t k = segment.index; k > 0 && (at += stride_) < segment_frames_; --k) sum += triangle_[at];
    at = i;
    for (std::size_t k = segment.index; k < last && at >= stride_; ++k) sum += triangle_[at -= stride_];
    weights[i - first] = static_cast<float>(triangle_[i] / (sum * passes));
  }
}

bool SegmentPlan::weighs_alike(const Segment& a, const Segment& b) const noexcept {
  const std::size_t reach = (segment_frames_ - 1) / stride_;  // so many places away segments still overlap
  const auto before = [&](const Segment& segment) { return std::min(segment.index, reach); };
  const auto after = [&](const Segment& segment) {
    return std::min(pass_sizes_[segment.pass] - 1 - segment.index, reach);
  };
  return a.frames == b.frames && before(a) == before(b) && after(a) == after(b);
}

}  // namespace demucs_ort
