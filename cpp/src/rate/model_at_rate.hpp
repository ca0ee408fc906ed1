#pragma once

#include <cstddef>
#include <memory>

#include "demucs_ort/model.hpp"
#include "rate/window_grid.hpp"

namespace demucs_ort {

/// At both ends of a window of a host, so many frames of the stems are worth less, because nothing beyond them is
/// known: none if the model works at the host's `sample_rate`, which is as of ModelAtRate. Throws Error
/// invalid_argument.
std::size_t blurred_frames(int model_rate, int sample_rate);

/// A model as seen by a host that works at a sample rate of its own: each window is converted to the model's rate, and
/// its stems back. Whoever separates counts in frames of that rate and knows of no other.
class ModelAtRate {
 public:
  /// `sample_rate`: 8000 to 192 000 Hz; 0: the model's own. Throws Error invalid_argument.
  ModelAtRate(std::shared_ptr<const Model> model, int sample_rate);

  const Model& model() const noexcept { return *model_; }
  /// The model's, but `sample_rate` and `segment_frames` are those of the host.
  const ModelInfo& info() const noexcept { return info_; }
  /// As the function of that name.
  std::size_t blurred_frames() const noexcept { return blurred_frames_; }

  /// As Model::run, with windows of `info().segment_frames`. Throws std::bad_alloc, too.
  void run(const float* mix, std::size_t batch, float* stems, const RunOptions& options) const;

  /// The windows of `run_on_grid`.
  const WindowGrid& grid() const noexcept { return grid_; }
  /// The same with windows of the grid, in which the model hears exactly those frames that it would hear of the whole
  /// track at its own rate: `skipped` has a number for each window, as WindowGrid::place. Of the stems only those of
  /// the segment mean something.
  void run_on_grid(const float* mix, std::size_t batch, const std::size_t* skipped, float* stems,
                   const RunOptions& options) const;

 private:
  std::shared_ptr<const Model> model_;
  ModelInfo info_;
  WindowGrid grid_;
  std::size_t blurred_frames_;
};

}  // namespace demucs_ort
