#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/overlap_add.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

/// How the stems that SeparatorOptions ask for are made of a model's sources and of the mix. Whoever separates puts
/// stems together here, so that all results are the same to the bit.
class StemMixing {
 public:
  /// One delivered stem: a gain for each of the model's sources, for the mix, and for the mean of the track. demucs
  /// adds the mean to every source; only with `residual_to` the mix's mean is in one stem alone.
  struct Output {
    std::string name;
    std::vector<float> gains;
    float mix_gain = 0;
    float mean_gain = 0;
  };

  /// Throws Error invalid_argument for options the model cannot serve.
  StemMixing(const ModelInfo& info, const SeparatorOptions& options);

  const std::vector<Output>& outputs() const noexcept { return outputs_; }
  const std::vector<std::string>& names() const noexcept { return names_; }
  /// The sources that any of the outputs is made of.
  SourceMask sources() const;
  /// Whether any output takes something of the mix itself.
  bool uses_mix() const noexcept;

  /// Adds what a segment contributes to track frames [start, start + frames): `stems` [source][channel][segment_frames]
  /// from its frame `skipped` on, weighted, to `sums` [output x channel].
  void add(const float* stems, std::size_t channels, std::size_t segment_frames, std::size_t skipped,
           std::ptrdiff_t start, std::size_t frames, const float* weights, OverlapAdd& sums) const;

  /// Makes the first frames of complete sums stems at the track's level, in place; `mix`: the normalised mix there, by
  /// channel. Throws Error runtime_failed if they are not finite.
  void finish(const std::vector<const float*>& mix, std::size_t frames, const TrackLevel& level,
              OverlapAdd& sums) const;

 private:
  std::vector<Output> outputs_;
  std::vector<std::string> names_;
};

}  // namespace demucs_ort
