#include "stream/window_separation.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "demucs_ort/model.hpp"
#include "separation/infer.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

WindowSeparation::WindowSeparation(const ModelInfo& info, StemMixing mixing, Infer infer, std::size_t first,
                                   std::size_t frames)
    : segment_(info.segment_frames),
      first_(first),
      frames_(frames),
      mixing_(std::move(mixing)),
      infer_(std::move(infer)),
      mix_(info.channels * segment_),
      rows_(info.channels),
      sources_(info.sources.size() * mix_.size()),
      weights_(frames, 1.0F),
      sums_(mixing_.outputs().size() * info.channels, frames) {
  for (std::size_t c = 0; c < info.channels; ++c) stretch_.push_back(mix_.data() + c * segment_ + first);
}

float* const* WindowSeparation::mix(std::size_t blank) {
  blank_ = blank;
  for (std::size_t c = 0; c < rows_.size(); ++c) {
    float* channel = mix_.data() + c * segment_;
    std::fill_n(channel, blank, 0.0F);
    rows_[c] = channel + blank;
  }
  return rows_.data();
}

void WindowSeparation::run(float* out) {
  if (std::all_of(mix_.begin(), mix_.end(), [](float sample) { return sample == 0.0F; })) {
    std::fill_n(out, sums_.rows().size() * frames_, 0.0F);
    return;
  }
  TrackLevel level;
  level.add(rows_.data(), rows_.size(), segment_ - blank_);
  const float scale = level.scale();
  for (float* row : rows_) {
    for (std::size_t i = 0; i < segment_ - blank_; ++i) row[i] /= scale;
  }
  infer_(mix_.data(), sources_.data());
  sums_.reset();
  mixing_.add(sources_.data(), rows_.size(), segment_, first_, 0, frames_, weights_.data(), sums_);
  mixing_.finish(stretch_, frames_, level.without_mean(), sums_);
  for (const float* row : sums_.rows()) out = std::copy_n(row, frames_, out);
}

}  // namespace demucs_ort
