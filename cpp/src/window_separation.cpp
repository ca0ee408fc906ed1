#include "window_separation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "demucs_ort/error.hpp"
#include "track_level.hpp"

namespace demucs_ort {

WindowSeparation::WindowSeparation(const ModelInfo& info, std::vector<Output> outputs, Infer infer)
    : channels_(info.channels),
      segment_(info.segment_frames),
      outputs_(std::move(outputs)),
      infer_(std::move(infer)),
      mix_(channels_ * segment_),
      rows_(channels_),
      sources_(info.sources.size() * channels_ * segment_) {}

float* const* WindowSeparation::mix(std::size_t blank) {
  blank_ = blank;
  for (std::size_t c = 0; c < channels_; ++c) {
    float* channel = mix_.data() + c * segment_;
    std::fill_n(channel, blank, 0.0F);
    rows_[c] = channel + blank;
  }
  return rows_.data();
}

void WindowSeparation::run(std::size_t first, std::size_t frames, float* out) {
  if (std::all_of(mix_.begin(), mix_.end(), [](float sample) { return sample == 0.0F; })) {
    std::fill_n(out, outputs_.size() * channels_ * frames, 0.0F);
    return;
  }
  TrackLevel level;
  level.add(rows_.data(), channels_, segment_ - blank_);
  const float scale = level.scale();
  for (float* row : rows_) {
    for (std::size_t i = 0; i < segment_ - blank_; ++i) row[i] = (row[i] - level.mean()) / scale;
  }
  infer_(mix_.data(), sources_.data());
  for (const auto& output : outputs_) {
    const float mean = level.mean() * std::accumulate(output.gains.begin(), output.gains.end(), output.mix_gain);
    for (std::size_t c = 0; c < channels_; ++c, out += frames) {
      const float* mix = mix_.data() + c * segment_ + first;
      for (std::size_t i = 0; i < frames; ++i) out[i] = output.mix_gain * mix[i];
      for (std::size_t s = 0; s < output.gains.size(); ++s) {
        const float gain = output.gains[s];
        const float* source = sources_.data() + (s * channels_ + c) * segment_ + first;
        if (gain == 0.0F) continue;  // of a bag of models it may not even be computed
        for (std::size_t i = 0; i < frames; ++i) out[i] += gain * source[i];
      }
      for (std::size_t i = 0; i < frames; ++i) out[i] = out[i] * scale + mean;
      if (!std::all_of(out, out + frames, [](float sample) { return std::isfinite(sample); })) {
        throw Error(Status::runtime_failed,
                    "the model computed a value that is not finite; the model file or its provider is broken");
      }
    }
  }
}

}  // namespace demucs_ort
