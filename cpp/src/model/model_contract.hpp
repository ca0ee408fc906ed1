#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// Sample rates of models. Far beyond any, and small enough that no file can make a resampler or a host allocate
/// absurdly.
constexpr int lowest_model_rate = 8000;
constexpr int highest_model_rate = 768'000;

/// A tensor as the model file declares it; -1 stands for a symbolic dimension.
struct TensorSpec {
  std::string name;
  bool is_float32 = false;
  std::vector<std::int64_t> shape;
};

/// Looks up a metadata value by its full key.
using FindMetadata = std::function<std::optional<std::string>(const std::string& key)>;

/// Reads what the metadata say of a model. Sizes have limits, so that callers may allocate by them; texts hold no
/// control characters. Throws Error bad_model with one sentence that names what is missing or wrong.
ModelInfo read_facts(const FindMetadata& find);

/// `read_facts`, checked against the tensors: input `mix` [batch, channels, frames],
/// output `stems` [batch, sources, channels, frames], float32, batch symbolic or 1.
/// Throws Error bad_model also for what contradicts.
ModelInfo read_contract(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
                        const FindMetadata& find);

/// Throws Error bad_model if an ONNX or ORT model may refer to data outside of its own bytes (external tensor data in
/// any place, compiled contexts): ONNX Runtime would read whatever file, or even address, the model names. Does not
/// parse, so it cannot be misled; it also refuses the rare model that has a string like that of another meaning.
void check_self_contained(std::string_view bytes);
/// The same of a file, which is read once. Throws Error cancelled, too.
void check_file_self_contained(const std::filesystem::path& file, const CancelToken& cancel = {});

}  // namespace demucs_ort
