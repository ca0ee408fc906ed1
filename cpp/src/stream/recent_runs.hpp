#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace demucs_ort {

/// How long the last eight windows of a stream took to compute, in frames.
class RecentRuns {
 public:
  void add(double frames) noexcept {
    frames_[next_] = frames;
    next_ = (next_ + 1) % frames_.size();
    count_ = std::min(count_ + 1, frames_.size());
  }

  /// A single slow one says nothing. 0 until there were eight.
  double shortest() const noexcept { return *std::min_element(frames_.begin(), frames_.end()); }

  /// 0 before the first.
  double mean() const noexcept {
    double sum = 0;
    for (std::size_t i = 0; i < count_; ++i) sum += frames_[i];
    return count_ == 0 ? 0 : sum / static_cast<double>(count_);
  }

 private:
  std::array<double, 8> frames_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace demucs_ort
