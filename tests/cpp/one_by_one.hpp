#pragma once

#include <cstddef>
#include <utility>

#include "base/cancel_state.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "separation/infer.hpp"

/// A "model" that computes the segments of a batch one after another.
inline demucs_ort::InferBatch one_by_one(demucs_ort::Infer infer, const demucs_ort::ModelInfo& info) {
  const std::size_t size = info.channels * info.segment_frames;
  return [infer = std::move(infer), size, sources = info.sources.size()](const float* mix, std::size_t segments,
                                                                         const std::size_t*, float* stems,
                                                                         const demucs_ort::CancelToken& cancel) {
    for (std::size_t i = 0; i < segments; ++i) {
      demucs_ort::throw_if_cancelled(cancel);
      infer(mix + i * size, stems + i * size * sources);
    }
  };
}
