#include "separation/overlap_add.hpp"

#include <algorithm>
#include <cstddef>

namespace demucs_ort {

OverlapAdd::OverlapAdd(std::size_t rows, std::size_t capacity)
    : capacity_(capacity), sums_(rows * capacity), rows_(rows) {
  turn_to(0);
}

void OverlapAdd::add(std::size_t row, std::ptrdiff_t start, std::size_t frames, float gain, const float* weights,
                     const float* piece) {
  const std::ptrdiff_t ahead = start - static_cast<std::ptrdiff_t>(position_);
  const std::size_t skip = ahead < 0 ? std::min(frames, static_cast<std::size_t>(-ahead)) : 0;
  std::size_t at = (front_ + static_cast<std::size_t>(std::max<std::ptrdiff_t>(ahead, 0))) % capacity_;
  for (std::size_t first = skip, count = 0; first < frames; first += count, at = 0) {
    count = std::min(frames - first, capacity_ - at);
    float* sum = sums_.data() + row * capacity_ + at;
    for (std::size_t i = first; i < first + count; ++i) *sum++ += gain * (weights[i] * piece[i]);
  }
}

void OverlapAdd::pop(std::size_t frames) {
  for (float* front : rows_) std::fill_n(front, frames, 0.0F);
  position_ += frames;
  turn_to((front_ + frames) % capacity_);
}

void OverlapAdd::reset(std::size_t position) {
  position_ = position;
  turn_to(0);
  std::fill(sums_.begin(), sums_.end(), 0.0F);
}

void OverlapAdd::turn_to(std::size_t front) {
  front_ = front;
  for (std::size_t row = 0; row < rows_.size(); ++row) rows_[row] = sums_.data() + row * capacity_ + front;
}

}  // namespace demucs_ort
