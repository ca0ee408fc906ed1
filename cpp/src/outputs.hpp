#pragma once

#include <string>
#include <vector>

#include "demucs_ort/separator.hpp"

namespace demucs_ort {

/// One delivered stem: a gain for each of the model's sources, and for the mix.
struct Output {
  std::string name;
  std::vector<float> gains;
  float mix_gain = 0;
};

/// What `stems`, `two_stems`, `other_method` and `residual_to` ask for. Throws Error invalid_argument for what the
/// model cannot serve.
std::vector<Output> choose_outputs(const ModelInfo& info, const SeparatorOptions& options);

/// The sources that any of the outputs is made of.
SourceMask sources_of(const std::vector<Output>& outputs);

}  // namespace demucs_ort
