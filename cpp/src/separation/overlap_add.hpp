#pragma once

#include <cstddef>
#include <vector>

namespace demucs_ort {

/// Sums weighted pieces of several rows (stem x channel) that arrive in order of their start, and hands out the front
/// that no later piece can reach. A ring of `capacity` frames, which is the longest piece.
class OverlapAdd {
 public:
  OverlapAdd(std::size_t rows, std::size_t capacity);

  /// row[start + i] += gain * weights[i] * piece[i]; frames before the front are dropped, start + frames must be at
  /// most capacity after the front.
  void add(std::size_t row, std::ptrdiff_t start, std::size_t frames, float gain, const float* weights,
           const float* piece);

  /// The sums from the front on, per row; scaling finished frames in place is allowed.
  const std::vector<float*>& rows() const noexcept { return rows_; }
  /// How many frames of a row lie side by side; the next ones have their turn when these are popped.
  std::size_t side_by_side() const noexcept { return capacity_ - front_; }
  /// Forgets `frames` finished frames, at most side_by_side(), and moves the front on.
  void pop(std::size_t frames);

  /// The front, in frames of the track.
  std::size_t position() const noexcept { return position_; }
  /// Starts over with empty sums whose front is this frame of the track.
  void reset(std::size_t position = 0);

 private:
  void turn_to(std::size_t front);

  std::size_t capacity_;
  std::size_t position_ = 0;
  std::size_t front_ = 0;    // where `position_` is in the ring
  std::vector<float> sums_;  // [row][capacity]
  std::vector<float*> rows_;
};

}  // namespace demucs_ort
