#include "separation/overlap_add.hpp"

#include <algorithm>
#include <cstddef>

namespace demucs_ort {

OverlapAdd::OverlapAdd(std::size_t rows, std::size_t capacity) : capacity_(capacity), sums_(rows * capacity) {
  for (std::size_t row = 0; row < rows; ++row) rows_.push_back(sums_.data() + row * capacity);
}

void OverlapAdd::add(std::size_t row, std::ptrdiff_t start, std::size_t frames, float gain, const float* weights,
                     const float* piece) {
  const std::ptrdiff_t at = start - static_cast<std::ptrdiff_t>(position_);
  const std::size_t skip = at < 0 ? std::min(frames, static_cast<std::size_t>(-at)) : 0;
  float* sum = rows_[row] + (at < 0 ? 0 : at);
  for (std::size_t i = skip; i < frames; ++i) *sum++ += gain * (weights[i] * piece[i]);
}

void OverlapAdd::pop(std::size_t frames) {
  for (float* row : rows_) {
    std::copy(row + frames, row + capacity_, row);
    std::fill(row + (capacity_ - frames), row + capacity_, 0.0F);
  }
  position_ += frames;
}

void OverlapAdd::reset(std::size_t position) {
  position_ = position;
  std::fill(sums_.begin(), sums_.end(), 0.0F);
}

}  // namespace demucs_ort
