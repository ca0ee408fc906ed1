#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/latency_profile.hpp"

namespace demucs_ort::plugin {

inline constexpr bool is_multi_out = DEMUCS_ORT_MULTI_OUT;
inline constexpr std::uint32_t stem_count = stem_names.size();

/// The plug-in's parameters by their numbers. Those of the faders are the mixing variant's only.
namespace parameter {
inline constexpr std::uint32_t level = 0;              // and three more, in the order of stem_names
inline constexpr std::uint32_t mute = stem_count;      // the same
inline constexpr std::uint32_t solo = 2 * stem_count;  // the same
inline constexpr std::uint32_t latency = is_multi_out ? 0 : 3 * stem_count;
inline constexpr std::uint32_t wait = latency + 1;
inline constexpr std::uint32_t state = latency + 2;  // from here on the plug-in writes them
inline constexpr std::uint32_t underruns = latency + 3;
inline constexpr std::uint32_t load = latency + 4;
inline constexpr std::uint32_t count = latency + 5;
}  // namespace parameter

inline constexpr const char* model_state = "model";

inline constexpr std::array<const char*, stem_count> stem_titles{"Drums", "Bass", "Other", "Vocals"};
inline constexpr std::array<const char*, 2> latency_titles{"Live (1.3 s)", "Safe (2.5 s)"};
/// Of `SourceState`.
inline constexpr std::array<const char*, 8> state_titles{"Not running",
                                                         "Loading the model",
                                                         "Separating",
                                                         "No such model, or no model file",
                                                         "Model without these stems",
                                                         "No ONNX Runtime found",
                                                         "Sample rate not supported",
                                                         "The model failed"};
inline constexpr float quietest = -60.0F;  // decibels; a fader that low is shut
inline constexpr float loudest = 6.0F;     // decibels

/// What is wrong, as one sentence; empty: nothing. Of an instance of the plug-in, by DPF's pointer to it. Thread: any
/// but the audio thread.
std::string problem_of(void* instance);

}  // namespace demucs_ort::plugin
