#include "separation/segment_spacing.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/bad_option.hpp"

namespace demucs_ort {
namespace {

constexpr unsigned max_shifts = 1000;  // far beyond use; keeps a mistyped number from filling the memory

/// The frames before the track at which each pass starts; demucs' offset counts from half a second before it.
std::vector<std::size_t> choose_leads(const ModelInfo& info, const SeparatorOptions& options) {
  const std::size_t limit = max_shift(info.sample_rate);
  std::vector<std::size_t> offsets = options.shift_offsets;
  if (offsets.empty()) {
    if (options.shifts == 0) return {0};
    if (options.shifts > max_shifts) bad_option("at most " + std::to_string(max_shifts) + " shifts are supported");
    offsets = draw_shift_offsets(options.seed, options.shifts, limit);
  } else if (options.shifts != 0 && options.shifts != offsets.size()) {
    bad_option("shifts and the number of shift_offsets differ; give one of them");
  }
  for (std::size_t& offset : offsets) {
    if (offset > limit) {
      bad_option("a shift offset of " + std::to_string(offset) + " frames is out of range; the largest is " +
                 std::to_string(limit));
    }
    offset = limit - offset;
  }
  return offsets;
}

std::size_t choose_stride(const ModelInfo& info, double overlap) {
  if (!(overlap >= 0 && overlap < 1)) bad_option("overlap must be at least 0 and less than 1");
  const std::size_t stride = stride_for(info.segment_frames, overlap);
  if (stride == 0) bad_option("overlap is so close to 1 that segments would not advance; choose less");
  return stride;
}

}  // namespace

SegmentSpacing::SegmentSpacing(const ModelInfo& info, const SeparatorOptions& options)
    : stride(choose_stride(info, options.overlap)), leads(choose_leads(info, options)) {}

std::size_t stride_for(std::size_t segment_frames, double overlap) {
  return static_cast<std::size_t>((1 - overlap) * static_cast<double>(segment_frames));
}

std::size_t max_shift(int sample_rate) { return static_cast<std::size_t>(sample_rate) / 2; }

std::vector<std::size_t> draw_shift_offsets(std::uint32_t seed, std::size_t count, std::size_t max_offset) {
  std::mt19937 generator(seed);
  const std::uint32_t mask = static_cast<std::uint32_t>(std::bit_ceil(max_offset + 1) - 1);
  std::vector<std::size_t> offsets;
  while (offsets.size() < count) {
    const std::size_t draw = generator() & mask;
    if (draw <= max_offset) offsets.push_back(draw);
  }
  return offsets;
}

}  // namespace demucs_ort
