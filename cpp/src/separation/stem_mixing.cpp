#include "separation/stem_mixing.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/bad_option.hpp"
#include "separation/overlap_add.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {
namespace {

std::size_t source_index(const ModelInfo& info, const std::string& stem) {
  const auto found = std::find(info.sources.begin(), info.sources.end(), stem);
  if (found != info.sources.end()) return static_cast<std::size_t>(found - info.sources.begin());
  std::string known;
  for (const auto& source : info.sources) known += (known.empty() ? "" : ", ") + source;
  bad_option("the model has no stem '" + stem + "'; it has " + known);
}

using Outputs = std::vector<StemMixing::Output>;

/// A stem alone.
StemMixing::Output single(const ModelInfo& info, const std::string& stem) {
  StemMixing::Output output{stem, std::vector<float>(info.sources.size(), 0.0F), 0.0F, 1.0F};
  output.gains[source_index(info, stem)] = 1.0F;
  return output;
}

/// All but a stem, as the sum of the others.
StemMixing::Output others(const ModelInfo& info, const std::string& stem, const std::string& name) {
  const std::size_t sources = info.sources.size();
  StemMixing::Output output{name, std::vector<float>(sources, 1.0F), 0.0F, static_cast<float>(sources - 1)};
  output.gains[source_index(info, stem)] = 0.0F;
  return output;
}

/// The mix minus what `output` holds.
StemMixing::Output rest_of_mix(StemMixing::Output output, const std::string& name) {
  for (float& gain : output.gains) gain = -gain;
  return {name, std::move(output.gains), 1.0F, 1.0F - output.mean_gain};
}

Outputs choose_two(const ModelInfo& info, const SeparatorOptions& options) {
  const std::string& stem = options.two_stems;
  if (!options.stems.empty()) bad_option("choose either stems or two_stems, not both");
  if (!options.residual_to.empty()) bad_option("residual_to is for all stems; for two_stems choose other_method minus");
  const bool add = options.other_method == OtherMethod::add;
  const auto wanted = single(info, stem);
  return {wanted, add ? others(info, stem, "no_" + stem) : rest_of_mix(wanted, "no_" + stem)};
}

Outputs choose_outputs(const ModelInfo& info, const SeparatorOptions& options) {
  if (!options.two_stems.empty()) return choose_two(info, options);
  if (options.other_method != OtherMethod::add) bad_option("other_method is for two_stems, which was not chosen");
  Outputs outputs;
  for (const auto& stem : options.stems.empty() ? info.sources : options.stems) {
    for (const auto& output : outputs) {
      if (output.name == stem) bad_option("stem '" + stem + "' is asked for twice");
    }
    outputs.push_back(single(info, stem));
  }
  if (const std::string& residual = options.residual_to; !residual.empty()) {
    const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return o.name == residual; });
    if (found == outputs.end()) bad_option("residual_to is '" + residual + "', which is none of the delivered stems");
    *found = rest_of_mix(others(info, residual, residual), residual);
    // Were the mean in every stem, the residual would have to take it back: the mix's mean is in the residual alone.
    for (auto& output : outputs) output.mean_gain = output.name == residual ? 1.0F : 0.0F;
  }
  return outputs;
}

void require_finite(const float* row, std::size_t frames, std::size_t position) {
  std::int32_t beyond = 0;  // counted, so that the compiler compares several at a time
  for (std::size_t i = 0; i < frames; ++i) beyond += std::abs(row[i]) <= std::numeric_limits<float>::max() ? 0 : 1;
  if (beyond == 0) return;
  const auto* bad = std::find_if(row, row + frames, [](float sample) { return !std::isfinite(sample); });
  throw Error(Status::runtime_failed, "the model computed a value that is not finite near frame " +
                                          std::to_string(position + static_cast<std::size_t>(bad - row)) +
                                          "; the model file or its provider is broken");
}

}  // namespace

StemMixing::StemMixing(const ModelInfo& info, const SeparatorOptions& options)
    : outputs_(choose_outputs(info, options)) {
  for (const auto& output : outputs_) names_.push_back(output.name);
}

SourceMask StemMixing::sources() const {
  SourceMask mask(outputs_.front().gains.size(), false);
  for (const auto& output : outputs_) {
    for (std::size_t s = 0; s < mask.size(); ++s) mask[s] = mask[s] || output.gains[s] != 0.0F;
  }
  return mask;
}

bool StemMixing::uses_mix() const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(), [](const Output& output) { return output.mix_gain != 0.0F; });
}

void StemMixing::add(const float* stems, std::size_t channels, std::size_t segment_frames, std::size_t skipped,
                     std::ptrdiff_t start, std::size_t frames, const float* weights, OverlapAdd& sums) const {
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    for (std::size_t s = 0; s < outputs_[o].gains.size(); ++s) {
      const float gain = outputs_[o].gains[s];
      if (gain == 0.0F) continue;
      for (std::size_t c = 0; c < channels; ++c) {
        const float* piece = stems + (s * channels + c) * segment_frames + skipped;
        sums.add(o * channels + c, start, frames, gain, weights, piece);
      }
    }
  }
}

void StemMixing::finish(const std::vector<const float*>& mix, std::size_t frames, const TrackLevel& level,
                        OverlapAdd& sums) const {
  const std::size_t channels = mix.size();
  const float scale = level.scale();
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    const float mix_gain = outputs_[o].mix_gain;
    const float mean = level.mean() * outputs_[o].mean_gain;
    for (std::size_t c = 0; c < channels; ++c) {
      float* row = sums.rows()[o * channels + c];
      const float* heard = mix[c];
      for (std::size_t i = 0; i < frames; ++i) row[i] = (row[i] + mix_gain * heard[i]) * scale + mean;
      require_finite(row, frames, sums.position());
    }
  }
}

}  // namespace demucs_ort
