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
  /// What the window is: one of a WindowGrid, or what ModelAtRate::run takes, from anywhere on.
  enum class Kind { on_grid, anywhere };

  DeckBuffers(std::shared_ptr<const Model> model, Kind kind) : model_(std::move(model)), kind_(kind) { fit(0); }

  /// Makes them fit a deck's sample rate; 0: the model's own. Throws std::bad_alloc, after which they fit none.
  void fit(int sample_rate) {
    if (sample_rate == 0) sample_rate = model_->info().sample_rate;
    if (at_rate_ && at_rate_->info().sample_rate == sample_rate) return;
    at_rate_.reset();
    window_.reset();
    std::vector<float>().swap(stems_);
    ModelAtRate at_rate(model_, sample_rate);
    const ModelInfo& info = at_rate.info();
    const std::size_t frames = kind_ == Kind::on_grid ? at_rate.grid().frames() : info.segment_frames;
    window_.emplace(info.channels, frames);
    stems_.resize(info.sources.size() * info.channels * frames);
    at_rate_.emplace(std::move(at_rate));
  }

  MixWindow& window() noexcept { return *window_; }
  const MixWindow& window() const noexcept { return *window_; }
  /// [source][channel][frame]
  const float* stems() const noexcept { return stems_.data(); }

  /// Separates what the window holds. `skipped`: as WindowGrid::Place, of a window on the grid.
  void run(const RunOptions& options, std::size_t skipped = 0) {
    if (kind_ == Kind::on_grid) {
      at_rate_->run_on_grid(window_->data(), 1, &skipped, stems_.data(), options);
    } else {
      at_rate_->run(window_->data(), 1, stems_.data(), options);
    }
  }

 private:
  std::shared_ptr<const Model> model_;
  Kind kind_;
  std::optional<ModelAtRate> at_rate_;
  std::optional<MixWindow> window_;
  std::vector<float> stems_;
};

}  // namespace demucs_ort
