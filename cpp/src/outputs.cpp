#include "outputs.hpp"

#include <algorithm>
#include <utility>

#include "demucs_ort/error.hpp"

namespace demucs_ort {
namespace {

[[noreturn]] void bad_option(const std::string& message) { throw Error(Status::invalid_argument, message); }

std::size_t source_index(const ModelInfo& info, const std::string& stem) {
  const auto found = std::find(info.sources.begin(), info.sources.end(), stem);
  if (found != info.sources.end()) return static_cast<std::size_t>(found - info.sources.begin());
  std::string known;
  for (const auto& source : info.sources) known += (known.empty() ? "" : ", ") + source;
  bad_option("the model has no stem '" + stem + "'; it has " + known);
}

/// A stem alone.
Output single(const ModelInfo& info, const std::string& stem) {
  Output output{stem, std::vector<float>(info.sources.size(), 0.0F)};
  output.gains[source_index(info, stem)] = 1.0F;
  return output;
}

/// All but a stem, as the sum of the others.
Output others(const ModelInfo& info, const std::string& stem, const std::string& name) {
  Output output{name, std::vector<float>(info.sources.size(), 1.0F)};
  output.gains[source_index(info, stem)] = 0.0F;
  return output;
}

/// The mix less what `output` holds.
Output rest_of_mix(Output output, const std::string& name) {
  for (float& gain : output.gains) gain = -gain;
  return {name, std::move(output.gains), 1.0F};
}

std::vector<Output> choose_two(const ModelInfo& info, const SeparatorOptions& options) {
  const std::string& stem = options.two_stems;
  if (!options.stems.empty()) bad_option("choose either stems or two_stems, not both");
  if (!options.residual_to.empty()) bad_option("residual_to is for all stems; for two_stems choose other_method minus");
  const bool add = options.other_method == OtherMethod::add;
  const auto wanted = single(info, stem);
  return {wanted, add ? others(info, stem, "no_" + stem) : rest_of_mix(wanted, "no_" + stem)};
}

}  // namespace

std::vector<Output> choose_outputs(const ModelInfo& info, const SeparatorOptions& options) {
  if (!options.two_stems.empty()) return choose_two(info, options);
  if (options.other_method != OtherMethod::add) bad_option("other_method is for two_stems, which was not chosen");
  std::vector<Output> outputs;
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
  }
  return outputs;
}

SourceMask sources_of(const std::vector<Output>& outputs) {
  SourceMask mask(outputs.front().gains.size(), false);
  for (const auto& output : outputs) {
    for (std::size_t s = 0; s < mask.size(); ++s) mask[s] = mask[s] || output.gains[s] != 0.0F;
  }
  return mask;
}

}  // namespace demucs_ort
