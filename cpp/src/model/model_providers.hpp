#pragma once

#include <string>
#include <vector>

#include "demucs_ort/model.hpp"
#include "model/onnxruntime.hpp"

namespace demucs_ort {

/// The names, as in ModelOptions::provider, of what the connected runtime offers, after those of the caller's library.
std::vector<std::string> offered_providers(const ModelOptions& options);

/// What to try, in order: the provider asked for, or for "auto" the first one of the caller's library, or without a
/// library all that are offered and can be expected to be faster than "cpu", which comes last.
std::vector<std::string> provider_candidates(const ModelOptions& options);

/// Whether the provider computes several segments in one inference, and is worth asking for it.
bool takes_batches(const std::string& provider);

/// Lets `provider` compute. Throws Error: invalid_argument for a name that is not known, runtime_missing if neither the
/// runtime nor the caller's library offers it or it cannot be set up here.
void add_provider(Ort::SessionOptions& session, const std::string& provider, const ModelOptions& options);

}  // namespace demucs_ort
