#pragma once

#include <cstddef>
#include <vector>

#include "rate/window_grid.hpp"
#include "separation/segment_spacing.hpp"

namespace demucs_ort {

/// One inference of a plan. Positions are frames of the track; they can lie outside it, where the track is silent.
struct Segment {
  std::ptrdiff_t window;  ///< first frame of what the model hears, a window of the grid
  std::ptrdiff_t start;   ///< first frame it contributes to, >= window
  std::size_t frames;     ///< how many it contributes to; [start, start + frames) lies inside the window
  std::size_t pass;       ///< which shifted pass it belongs to
  std::size_t index;      ///< its place in that pass
  std::size_t skipped;    ///< as WindowGrid::Place
};

/// How demucs' `apply_model(split=True)` walks a track: segments of `segment_frames` every `stride` frames; the last,
/// shorter ones are heard with the real audio around them (`TensorChunk.padded`). A shifted pass starts its walk
/// `lead` frames before the track, which is what demucs' `shifts` does with offset = max_shift - lead.
///
/// The walk is one of the track at the model's rate. What a host at another rate sees of it are the frames and windows
/// that last as long.
class SegmentPlan {
 public:
  SegmentPlan(std::size_t track_frames, const WindowGrid& grid, const SegmentSpacing& spacing);
  /// `leads`: one pass each. Needs track_frames >= 1, 1 <= stride <= the grid's segment_frames, at least one lead.
  /// Stride and leads are frames of the model's rate.
  SegmentPlan(std::size_t track_frames, const WindowGrid& grid, std::size_t stride,
              const std::vector<std::size_t>& leads);

  /// All passes' segments, ordered by `start`.
  const std::vector<Segment>& segments() const noexcept { return segments_; }

  /// Weight in the final stems of `count` of the segment's frames, from its frame `first` on. Over all segments the
  /// weights of a frame sum to one: demucs' triangle (`transition_power` 1), divided by the sum of triangles there and
  /// by the number of passes.
  void blend_weights(const Segment& segment, std::size_t first, std::size_t count, float* weights) const;
  /// Whether all weights of both segments are the same, as those of most segments in the middle of a track.
  bool weighs_alike(const Segment& a, const Segment& b) const noexcept;

 private:
  double triangle(double frame) const noexcept;
  void blend_weights_at_host(const Segment& segment, std::size_t first, std::size_t count, float* weights) const;

  WindowGrid grid_;
  std::size_t segment_frames_;
  std::size_t stride_;
  std::vector<std::size_t> leads_;
  std::vector<double> triangle_;
  std::vector<std::size_t> pass_sizes_;
  std::vector<Segment> segments_;
};

}  // namespace demucs_ort
