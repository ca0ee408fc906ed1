#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "rate/window_grid.hpp"
#include "separation/infer.hpp"
#include "separation/mix_window.hpp"
#include "separation/overlap_add.hpp"
#include "separation/runs_in_flight.hpp"
#include "separation/segment_plan.hpp"
#include "separation/segment_spacing.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// All of a separation but the model: measure, cut, normalise, blend, deliver. Knows nothing of ONNX Runtime.
class Separation {
 public:
  /// `info`: the model's own. Throws Error invalid_argument for options the model cannot serve.
  Separation(const ModelInfo& info, const WindowGrid& grid, const SeparatorOptions& options,
             const InFlight& in_flight = {});

  const ModelInfo& info() const noexcept { return info_; }
  const std::vector<std::string>& stems() const noexcept { return mixing_.names(); }

  /// As Separator::separate; returns the track's frames. Segments are blended in the plan's order, so that the stems do
  /// not depend on how many are computed at a time.
  std::size_t run(const InferBatch& infer, const Read& read, const Write& write, const OnProgress& progress,
                  const CancelToken& cancel);
  /// As Separator::model_seconds.
  double model_seconds() const noexcept { return model_seconds_; }

 private:
  void fill(SegmentBatch& batch, const SegmentPlan& plan, std::size_t first, const Read& read);
  void weigh(const Segment& segment, const SegmentPlan& plan);
  void blend(const SegmentBatch& batch, std::size_t place, const Segment& segment, std::size_t complete,
             const TrackLevel& level, const Write& write);
  void deliver(const float* mix, const Segment& segment, std::size_t end, const TrackLevel& level, const Write& write);

  ModelInfo info_;
  WindowGrid grid_;
  StemMixing mixing_;
  SegmentSpacing spacing_;
  MixWindow window_;
  OverlapAdd sums_;  // [output x channel]
  std::vector<SegmentBatch> batches_;
  std::size_t batch_segments_;
  std::vector<float> weights_;
  std::optional<Segment> weighted_;  // whose weights these are
  double model_seconds_ = 0;
};

}  // namespace demucs_ort
