#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>

namespace demucs_ort {

/// Copies up to `size` bytes of a model file from `offset` on; returns how many there were.
using ReadAt = std::function<std::size_t(std::uint64_t offset, char* to, std::size_t size)>;

/// The bytes that the weights of a model file take once it is loaded, by the shapes that it declares. Weights that an
/// .onnx file stores in half precision are unpacked to float32, unless the model `computes_in_half`; an .ort file holds
/// them as they are loaded. Of bytes that are no model: 0.
std::uint64_t loaded_weight_bytes(const ReadAt& read, std::uint64_t size, bool computes_in_half);

/// The same of a file. 0 if it cannot be read.
std::uint64_t loaded_weight_bytes(const std::filesystem::path& file, bool computes_in_half);

}  // namespace demucs_ort
