#pragma once

#include <array>
#include <cstddef>

#include "demucs_ort/stream.hpp"

namespace demucs_ort::plugin {

/// The stems that the plug-in delivers, in this order, whatever the order in the model.
inline constexpr std::array<const char*, 4> stem_names{"drums", "bass", "other", "vocals"};

/// A latency to choose: the sooner, the faster the machine has to be.
enum class LatencyProfile { live, safe };

/// How a stream with this latency is set up. At 44.1 kHz `live` is 1.3 s late and leaves a run of the model half a
/// second; `safe` is 2.5 s late and leaves it a second.
StreamOptions stream_options(LatencyProfile profile, int sample_rate);

inline constexpr std::array<LatencyProfile, 2> latency_profiles{LatencyProfile::live, LatencyProfile::safe};

/// The sample rate that streams take which is nearest to the host's.
int stream_rate(double host_rate) noexcept;

/// From a frame of the mix to its stems, known before there is a model. Of a rate by `stream_rate`.
std::size_t latency_frames(LatencyProfile profile, int sample_rate);

}  // namespace demucs_ort::plugin
