#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "demucs_ort/model.hpp"
#include "rate/model_at_rate.hpp"
#include "separation/mix_window.hpp"

namespace demucs_ort {

/// One worker's buffers for one model, at the rate of the deck that it works for.
class DeckBuffers {
 public:
  explicit DeckBuffers(std::shared_ptr<const Model> model) : model_(std::move(model)) { fit(0); }

  /// Makes them fit a deck's sample rate; 0: the model's own. Throws std::bad_alloc, after which they fit none.
  void fit(int sample_rate) {
    if (sample_rate == 0) sample_rate = model_->info().sample_rate;
    if (at_rate_ && at_rate_->info().sample_rate == sample_rate) return;
    at_rate_.reset();
    window_.reset();
    std::vector<float>().swap(stems_);
    ModelAtRate at_rate(model_, sample_rate);
    const ModelInfo& info = at_rate.info();
    window_.emplace(info.channels, info.segment_frames);
    stems_.resize(info.sources.size() * info.channels * info.segment_frames);
    at_rate_.emplace(std::move(at_rate));
  }

  MixWindow& window() noexcept { return *window_; }
  const MixWindow& window() const noexcept { return *window_; }
  /// [source][channel][frame]
  const float* stems() const noexcept { return stems_.data(); }

  /// Separates what the window holds.
  void run(const RunOptions& options) { at_rate_->run(window_->data(), 1, stems_.data(), options); }

 private:
  std::shared_ptr<const Model> model_;
  std::optional<ModelAtRate> at_rate_;
  std::optional<MixWindow> window_;
  std::vector<float> stems_;
};

}  // namespace demucs_ort
