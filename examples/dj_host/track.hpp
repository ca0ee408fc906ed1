#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

/// A decoded track at its own rate, in 16 bits: half of what floats take. Its music is made up.
class Track {
 public:
  /// `key` chooses tempo and pitch.
  Track(int rate, double seconds, unsigned key) : rate_(rate), samples_(2 * static_cast<std::size_t>(seconds * rate)) {
    std::minstd_rand random(key + 1);
    std::uniform_real_distribution<double> noise(-1, 1);
    const double root = 55 * std::pow(2, key / 12.0);
    for (std::size_t i = 0; i < frames(); ++i) {
      const double time = static_cast<double>(i) / rate, beats = time * (118 + 3 * key) / 60;
      const auto wave = [&](double pitch) { return std::sin(6.283185307179586 * pitch * time); };
      const auto fade = [&](double per_beat) { return std::exp(-6 * std::fmod(beats * per_beat, 1)); };
      const double middle = 0.4 * wave(50) * fade(1) + 0.2 * wave(root * (4 + std::floor(std::fmod(beats, 4))) / 4);
      const double sides = 0.1 * (wave(5 * root) + wave(6 * root)) * fade(0.25) + 0.1 * noise(random) * fade(4);
      samples_[2 * i] = static_cast<std::int16_t>(32767 * (middle + sides));
      samples_[2 * i + 1] = static_cast<std::int16_t>(32767 * (middle - sides));
    }
  }

  int rate() const { return rate_; }
  std::size_t frames() const { return samples_.size() / 2; }
  std::size_t frame_at(double share) const { return static_cast<std::size_t>(share * static_cast<double>(frames())); }

  /// Puts frames [first, first + count) into channels[channel][i * stride] and returns how many there were.
  std::size_t read(std::size_t first, std::size_t count, float* const* channels, std::size_t stride = 1) const {
    count = std::min(count, frames() - first);
    for (std::size_t i = 0; i < 2 * count; ++i) channels[i % 2][i / 2 * stride] = samples_[2 * first + i] / 32768.0F;
    return count;
  }

 private:
  int rate_;
  std::vector<std::int16_t> samples_;  // interleaved
};
