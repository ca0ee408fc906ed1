#pragma once

#include <cstddef>
#include <vector>

#include "outputs.hpp"
#include "separation.hpp"

namespace demucs_ort {

/// Separates one window of a mix by itself: normalised by its own level, all stems scaled back.
class WindowSeparation {
 public:
  WindowSeparation(const ModelInfo& info, std::vector<Output> outputs, Infer infer);

  const std::vector<Output>& outputs() const noexcept { return outputs_; }

  /// Runs the model once on silence: the first run takes longer.
  void warm_up() { infer_(mix_.data(), sources_.data()); }
  /// Where to put the mix: channel pointers to the window's frames from `blank` on, silent before. Those before count
  /// as silence in which the mix has not begun.
  float* const* mix(std::size_t blank);
  /// Puts the window's frames [first, first + frames) into out[output][channel][frame], contiguous. A window of digital
  /// silence is not put to the model. Throws what `infer` throws, and Error runtime_failed if something is not finite.
  void run(std::size_t first, std::size_t frames, float* out);

 private:
  std::size_t channels_;
  std::size_t segment_;
  std::vector<Output> outputs_;
  Infer infer_;
  std::size_t blank_ = 0;
  std::vector<float> mix_;      // [channel][frame]
  std::vector<float*> rows_;    // each channel from `blank_` on
  std::vector<float> sources_;  // [source][channel][frame]
};

}  // namespace demucs_ort
