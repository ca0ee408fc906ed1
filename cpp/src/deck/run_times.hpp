#pragma once

#include <array>

namespace demucs_ort {

/// How long a run of the model and one of the provisional model take here, in seconds.
class RunTimes {
 public:
  /// A guess until one was measured.
  double of(bool provisional) const noexcept { return known_[provisional] > 0 ? known_[provisional] : 1; }

  void add(bool provisional, double took) noexcept {
    const double before = known_[provisional];
    known_[provisional] = before > 0 ? (before + took) / 2 : took;
    // A machine that has become slower is so for both models, and long runs may not come to an end for a while.
    if (provisional && before > 0) known_[false] *= known_[true] / before;
  }

 private:
  std::array<double, 2> known_{};  // of the model, of the provisional one; 0: not known yet
};

}  // namespace demucs_ort
