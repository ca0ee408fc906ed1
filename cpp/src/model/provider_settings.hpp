#pragma once

#include <string>
#include <unordered_map>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

using ProviderSettings = std::unordered_map<std::string, std::string>;

/// What `provider` is set up with: the caller's options, and ours where the caller says nothing.
ProviderSettings provider_settings(const std::string& provider, const ModelOptions& options);

}  // namespace demucs_ort
