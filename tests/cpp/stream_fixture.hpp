// A model and a track for tests of streams: small, at 200 frames a second.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"

using Track = std::vector<std::vector<float>>;  // [channel][frame]

inline demucs_ort::ModelInfo tiny_model() {
  demucs_ort::ModelInfo info;
  info.name = "tiny";
  info.sample_rate = 200;
  info.channels = 2;
  info.segment_frames = 1000;
  info.sources = {"drums", "vocals"};
  return info;
}

inline Track make_track(std::size_t frames) {
  Track track(2);
  for (std::size_t i = 0; i < frames; ++i) {
    const double t = static_cast<double>(i);
    track[0].push_back(static_cast<float>(0.5 * std::sin(t * 0.05) + 0.1));
    track[1].push_back(static_cast<float>(0.3 * std::cos(t * t * 1e-4)));
  }
  return track;
}

/// A "model" whose stems depend on where in the window a frame lies, and on what else was heard: only the right window
/// gives the right stems.
inline void wobbly(const float* mix, float* stems) {
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = 0; i < 1000; ++i) {
      const float heard = mix[c * 1000 + i];
      const float context = 0.1F * mix[c * 1000] + 0.2F * mix[c * 1000 + 999];
      stems[c * 1000 + i] = 0.7F * heard + static_cast<float>(i) * 1e-3F;
      stems[2000 + c * 1000 + i] = 0.3F * heard + context;
    }
  }
}

/// 35 + 10 + 7 frames heard ahead, and 26 for computing.
inline demucs_ort::StreamOptions tiny_options() {
  demucs_ort::StreamOptions options;
  options.hop = 0.175;
  options.lookahead = 0.05;
  options.crossfade = 0.035;
  options.compute_time = 0.13;
  return options;
}
