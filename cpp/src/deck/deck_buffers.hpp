#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "demucs_ort/model.hpp"
#include "separation/mix_window.hpp"

namespace demucs_ort {

/// One worker's buffers for one model.
struct DeckBuffers {
  explicit DeckBuffers(std::shared_ptr<const Model> model_in)
      : model(std::move(model_in)),
        window(model->info().channels, model->info().segment_frames),
        stems(model->info().sources.size() * model->info().channels * model->info().segment_frames) {}

  /// Separates what the window holds.
  void run(const RunOptions& options) { model->run(window.data(), 1, stems.data(), options); }

  std::shared_ptr<const Model> model;
  MixWindow window;
  std::vector<float> stems;  // [source][channel][frame]
};

}  // namespace demucs_ort
