#pragma once

#include <cstddef>
#include <vector>

#include "demucs_ort/model.hpp"
#include "separation/infer.hpp"
#include "separation/overlap_add.hpp"
#include "separation/stem_mixing.hpp"

namespace demucs_ort {

/// Separates a stretch of a window of the mix, by itself: divided by the window's own deviation, the
/// stems scaled back. Of the mean of so short a time nothing is taken off: it is bass, not offset.
class WindowSeparation {
 public:
  /// The stretch: window frames [first, first + frames).
  WindowSeparation(const ModelInfo& info, StemMixing mixing, Infer infer, std::size_t first, std::size_t frames);

  const StemMixing& mixing() const noexcept { return mixing_; }

  /// Runs the model once on silence: the first run takes longer.
  void warm_up() { infer_(mix_.data(), sources_.data()); }
  /// Where to put the mix: channel pointers to the window's frames from `blank` on. Before them the mix has not begun.
  float* const* mix(std::size_t blank);
  /// Puts the stretch's stems into out[output x channel][frames], contiguous. A window of digital silence is not put to
  /// the model. Throws what `infer` throws, and Error runtime_failed if something is not finite.
  void run(float* out);

 private:
  std::size_t segment_;
  std::size_t first_;
  std::size_t frames_;
  StemMixing mixing_;
  Infer infer_;
  std::size_t blank_ = 0;
  std::vector<float> mix_;             // [channel][frame]
  std::vector<float*> rows_;           // each channel from `blank_` on
  std::vector<const float*> stretch_;  // each channel from `first_` on
  std::vector<float> sources_;         // [source][channel][frame]
  std::vector<float> weights_;         // all 1
  OverlapAdd sums_;
};

}  // namespace demucs_ort
