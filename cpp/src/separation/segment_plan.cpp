#include "separation/segment_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "rate/window_grid.hpp"
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

SegmentPlan::SegmentPlan(std::size_t track_frames, const WindowGrid& grid, const SegmentSpacing& spacing)
    : SegmentPlan(track_frames, grid, spacing.stride, spacing.leads) {}

SegmentPlan::SegmentPlan(std::size_t track_frames, const WindowGrid& grid, std::size_t stride,
                         const std::vector<std::size_t>& leads)
    : grid_(grid),
      segment_frames_(grid.segment_frames()),
      stride_(stride),
      leads_(leads),
      triangle_(make_triangle(segment_frames_)) {
  const auto track_end = static_cast<std::ptrdiff_t>(track_frames);
  for (std::size_t pass = 0; pass < leads.size(); ++pass) {
    const std::size_t walk = leads[pass] + grid.length_at_model(track_frames);
    pass_sizes_.push_back((walk + stride - 1) / stride);
    for (std::size_t index = 0; index < pass_sizes_.back(); ++index) {
      const std::size_t offset = index * stride;
      const std::size_t frames = std::min(segment_frames_, walk - offset);
      const auto start = static_cast<std::ptrdiff_t>(offset) - static_cast<std::ptrdiff_t>(leads[pass]);
      const auto before = static_cast<std::ptrdiff_t>((segment_frames_ - frames) / 2);
      const auto [window, skipped] = grid.place(start - before);
      const std::ptrdiff_t first = grid.at_host(start);
      const std::ptrdiff_t end = std::min(grid.at_host(start + static_cast<std::ptrdiff_t>(frames)), track_end);
      if (end > first)
        segments_.push_back({window, first, static_cast<std::size_t>(end - first), pass, index, skipped});
    }
  }
  std::stable_sort(segments_.begin(), segments_.end(),
                   [](const Segment& a, const Segment& b) { return a.start < b.start; });
}

void SegmentPlan::blend_weights(const Segment& segment, std::size_t first, std::size_t count, float* weights) const {
  if (!grid_.is_one_rate()) return blend_weights_at_host(segment, first, count, weights);
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

/// demucs' triangle between its frames.
double SegmentPlan::triangle(double frame) const noexcept {
  return std::min(frame + 1, static_cast<double>(segment_frames_) - frame);
}

/// The same sums where a frame of the host lies between two of the model's.
void SegmentPlan::blend_weights_at_host(const Segment& segment, std::size_t first, std::size_t count,
                                        float* weights) const {
  const auto passes = static_cast<double>(pass_sizes_.size());
  const auto stride = static_cast<double>(stride_);
  const auto length = static_cast<double>(segment_frames_);
  const std::size_t last = pass_sizes_[segment.pass] - 1;
  const double start = static_cast<double>(segment.index * stride_) - static_cast<double>(leads_[segment.pass]);
  for (std::size_t i = first; i < first + count; ++i) {
    const double own = grid_.at_model(segment.start + static_cast<std::ptrdiff_t>(i)) - start;
    double sum = triangle(own);
    double at = own;
    for (std::size_t k = segment.index; k > 0 && (at += stride) < length; --k) sum += triangle(at);
    at = own;
    for (std::size_t k = segment.index; k < last && at >= stride; ++k) sum += triangle(at -= stride);
    weights[i - first] = static_cast<float>(triangle(own) / (sum * passes));
  }
}

bool SegmentPlan::weighs_alike(const Segment& a, const Segment& b) const noexcept {
  if (!grid_.is_one_rate()) return false;                     // their frames lie elsewhere between those of the model
  const std::size_t reach = (segment_frames_ - 1) / stride_;  // so many places away segments still overlap
  const auto before = [&](const Segment& segment) { return std::min(segment.index, reach); };
  const auto after = [&](const Segment& segment) {
    return std::min(pass_sizes_[segment.pass] - 1 - segment.index, reach);
  };
  return a.frames == b.frames && before(a) == before(b) && after(a) == after(b);
}

}  // namespace demucs_ort
