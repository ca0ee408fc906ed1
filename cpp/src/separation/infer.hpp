#pragma once

#include <cstddef>
#include <functional>

#include "demucs_ort/cancel.hpp"

namespace demucs_ort {

/// One inference on a segment: `mix` [channel][frame] in, `stems` [source][channel][frame] out. What separates knows
/// the model only as this, so that tests need none.
using Infer = std::function<void(const float* mix, float* stems)>;

/// The same of several windows of a WindowGrid: [window][channel][frame] in, [window][source][channel][frame] out;
/// `skipped` has WindowGrid::Place's number for each. Ends early, with an exception, when that is requested. Called on
/// threads of its own, several at a time.
using InferBatch = std::function<void(const float* mix, std::size_t windows, const std::size_t* skipped, float* stems,
                                      const CancelToken& cancel)>;

}  // namespace demucs_ort
