#pragma once

#include <vector>

#include "demucs_ort/model.hpp"
#include "model/model_contract.hpp"

namespace demucs_ort {

/// Below this SNR in dB a provider is broken: bfloat16 has 40, and unrelated signals have 0 or less.
constexpr double min_known_answer_snr = 20;

/// The signal [channel][frame] that every exported model has an answer to (`demucs_export.known_answer`, whose twin
/// this is): white noise of a linear congruential generator, within 0.2.
std::vector<float> known_signal(const ModelInfo& info);

/// PyTorch's answer, some samples of every stem, from the metadata `demucs_ort.known_answer`; empty if there is none.
/// Throws Error bad_model if it is malformed.
std::vector<float> read_known_answer(const ModelInfo& info, const FindMetadata& find);

/// How well the same samples of `stems` [source][channel][frame] agree with it, in dB; NaN if they are not numbers.
double known_answer_snr(const ModelInfo& info, const std::vector<float>& expected, const std::vector<float>& stems);

}  // namespace demucs_ort
