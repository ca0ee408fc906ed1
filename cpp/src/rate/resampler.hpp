#pragma once

#include <cstddef>

namespace demucs_ort {

/// Whether this build can change sample rates.
bool can_resample() noexcept;

/// At both ends of what is converted, so many frames of the lower rate differ from those of a longer signal by more
/// than 100 dB below its level, because silence is taken to lie around it.
constexpr std::size_t resampler_reach = 96;

/// How long a row is, and at which rate.
struct Stretch {
  std::size_t frames;
  int sample_rate;
};

/// Converts [row][frame] to [row][frame] at another rate. Frame 0 stays frame 0, and silence is taken to lie around
/// each row. Throws std::bad_alloc. Only for builds that can_resample().
void resample(std::size_t rows, const float* in, const Stretch& from, float* out, const Stretch& to);

}  // namespace demucs_ort
