#include "rate/window_grid.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "demucs_ort/model.hpp"
#include "rate/resampler.hpp"

namespace demucs_ort {
namespace {

std::ptrdiff_t floor_divide(std::ptrdiff_t number, std::ptrdiff_t by) {
  return (number - (number < 0 ? by - 1 : 0)) / by;
}

}  // namespace

WindowGrid::WindowGrid(const ModelInfo& model, int sample_rate) : WindowGrid(model.segment_frames) {
  if (sample_rate == model.sample_rate) return;
  const int shared = std::gcd(sample_rate, model.sample_rate);
  host_unit_ = static_cast<std::size_t>(sample_rate / shared);
  model_unit_ = static_cast<std::size_t>(model.sample_rate / shared);
  margin_ = frames_at(resampler_reach, std::min(sample_rate, model.sample_rate), model.sample_rate) + 1;
  // Before a segment lies the margin and up to a unit more, behind it the margin.
  const std::size_t longest = margin_ + model_unit_ + segment_frames_ + margin_;
  units_ = (longest + model_unit_ - 1) / model_unit_;
}

WindowGrid::Place WindowGrid::place(std::ptrdiff_t segment_start) const noexcept {
  const auto unit = static_cast<std::ptrdiff_t>(model_unit_);
  const std::ptrdiff_t first = segment_start - static_cast<std::ptrdiff_t>(margin_);
  const std::ptrdiff_t units = floor_divide(first, unit);
  return {units * static_cast<std::ptrdiff_t>(host_unit_), static_cast<std::size_t>(segment_start - units * unit)};
}

std::ptrdiff_t WindowGrid::at_host(std::ptrdiff_t model_frame) const noexcept {
  const auto unit = static_cast<std::ptrdiff_t>(model_unit_);
  return -floor_divide(-model_frame * static_cast<std::ptrdiff_t>(host_unit_), unit);
}

double WindowGrid::at_model(std::ptrdiff_t host_frame) const noexcept {
  // Whole units apart, so that long tracks lose no precision.
  const auto unit = static_cast<std::ptrdiff_t>(host_unit_);
  const std::ptrdiff_t units = floor_divide(host_frame, unit);
  return static_cast<double>(units * static_cast<std::ptrdiff_t>(model_unit_)) +
         static_cast<double>((host_frame - units * unit) * static_cast<std::ptrdiff_t>(model_unit_)) /
             static_cast<double>(unit);
}

std::size_t WindowGrid::length_at_model(std::size_t host_frames) const noexcept {
  return (host_frames / host_unit_) * model_unit_ +
         ((host_frames % host_unit_) * model_unit_ + host_unit_ - 1) / host_unit_;
}

}  // namespace demucs_ort
