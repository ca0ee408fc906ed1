#include "core/latency_profile.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "demucs_ort/stream.hpp"

namespace demucs_ort::plugin {

StreamOptions stream_options(LatencyProfile profile, int sample_rate) {
  StreamOptions options;
  const bool live = profile == LatencyProfile::live;
  options.hop = live ? 0.5 : 1.0;
  options.compute_time = live ? 0.5 : 1.2;
  options.lookahead = 0.25;
  options.crossfade = 0.05;
  options.underrun = Underrun::mix;
  options.stems.assign(stem_names.begin(), stem_names.end());
  options.sample_rate = sample_rate;
  return options;
}

int stream_rate(double host_rate) noexcept {
  return std::isnan(host_rate) ? 44100 : static_cast<int>(std::lround(std::clamp(host_rate, 8000.0, 192000.0)));
}

std::size_t latency_frames(LatencyProfile profile, int sample_rate) {
  return Stream::latency_of(stream_options(profile, sample_rate));
}

}  // namespace demucs_ort::plugin
