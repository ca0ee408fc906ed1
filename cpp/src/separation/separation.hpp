#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/infer.hpp"
#include "separation/mix_window.hpp"
#include "separation/overlap_add.hpp"
#include "separation/segment_plan.hpp"
#include "separation/segment_spacing.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// All of a separation but the model: measure, cut, normalise, blend, deliver. Knows nothing of ONNX Runtime.
class Separation {
 public:
  /// Throws Error invalid_argument for options the model cannot serve.
  Separation(const ModelInfo& info, const SeparatorOptions& options);

  const ModelInfo& info() const noexcept { return info_; }
  const std::vector<std::string>& stems() const noexcept { return mixing_.names(); }
  /// The sources that any of the delivered stems is made of.
  SourceMask sources() const { return mixing_.sources(); }

  /// As Separator::separate; returns the track's frames.
  std::size_t run(const Infer& infer, const Read& read, const Write& write, const OnProgress& progress,
                  const CancelToken& cancel);

 private:
  void add(const Segment& segment, const SegmentPlan& plan);
  void deliver(std::size_t frames, const TrackLevel& level, const Write& write);

  ModelInfo info_;
  StemMixing mixing_;
  SegmentSpacing spacing_;
  MixWindow window_;
  OverlapAdd sums_;  // [output x channel]
  std::vector<float> inference_;
  std::vector<float> weights_;
};

}  // namespace demucs_ort
