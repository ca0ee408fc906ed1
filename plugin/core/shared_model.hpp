#pragma once

#include <filesystem>
#include <memory>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort::plugin {

/// Loads a model, or returns the one that an instance of this process already has from the same, unchanged file. It
/// goes with the last instance that uses it. Blocks. Throws what `Model::load` throws. Thread: any.
std::shared_ptr<const Model> shared_model(const std::filesystem::path& file, const CancelToken& cancel);

}  // namespace demucs_ort::plugin
