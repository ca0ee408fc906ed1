#pragma once

#include <functional>

namespace demucs_ort {

/// One inference on a segment: `mix` [channel][frame] in, `stems` [source][channel][frame] out. What separates knows
/// the model only as this, so that tests need none.
using Infer = std::function<void(const float* mix, float* stems)>;

}  // namespace demucs_ort
