#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// A number of frames at another sample rate, rounded down.
constexpr std::size_t frames_at(std::size_t frames, int from, int to) noexcept {
  return static_cast<std::size_t>(std::uint64_t{frames} * static_cast<unsigned>(to) / static_cast<unsigned>(from));
}

/// A model as seen by a host that works at a sample rate of its own: each window is converted to the model's rate, and
/// its stems back. Whoever separates counts in frames of that rate and knows of no other.
class ModelAtRate {
 public:
  /// `sample_rate`: 8000 to 192 000 Hz; 0: the model's own. Throws Error invalid_argument.
  ModelAtRate(std::shared_ptr<const Model> model, int sample_rate);

  const Model& model() const noexcept { return *model_; }
  /// The model's, but `sample_rate` and `segment_frames` are those of the host.
  const ModelInfo& info() const noexcept { return info_; }
  /// At both ends of a window, so many frames of the stems are worth less, because nothing beyond them is known.
  std::size_t blurred_frames() const noexcept { return blurred_frames_; }

  /// As Model::run, with windows of `info().segment_frames`. Throws std::bad_alloc, too.
  void run(const float* mix, std::size_t batch, float* stems, const RunOptions& options) const;

 private:
  std::shared_ptr<const Model> model_;
  ModelInfo info_;
  std::size_t blurred_frames_ = 0;
};

}  // namespace demucs_ort
