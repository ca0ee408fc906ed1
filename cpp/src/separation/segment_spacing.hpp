#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

/// Where segments begin, as `overlap` and `shifts` of SeparatorOptions ask.
struct SegmentSpacing {
  /// Throws Error invalid_argument for options that are out of range.
  SegmentSpacing(const ModelInfo& info, const SeparatorOptions& options);

  std::size_t stride;              ///< frames from one segment to the next
  std::vector<std::size_t> leads;  ///< of each pass: how many frames before the track it starts
};

/// demucs' `int((1 - overlap) * segment_length)`.
std::size_t stride_for(std::size_t segment_frames, double overlap);

/// The largest shift demucs draws: half a second.
std::size_t max_shift(int sample_rate);

/// `numpy.random.RandomState(seed).randint(0, max_offset + 1, count)`.
std::vector<std::size_t> draw_shift_offsets(std::uint32_t seed, std::size_t count, std::size_t max_offset);

}  // namespace demucs_ort
