#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

/// Takes finished frames of several streams at once: `streams[stream][channel][frame]`.
using StreamSink = std::function<void(std::size_t frames, const float* const* const* streams)>;

/// Resamples several streams in step, from a model's rate to a file's: exactly `frames` frames come out, whatever the
/// resampler's own rounding. At equal rates the samples pass unchanged. Throws std::runtime_error if FFmpeg fails.
class RateConverter {
 public:
  RateConverter(std::size_t streams, std::size_t channels, int from_rate, int to_rate, std::uint64_t frames);
  ~RateConverter();

  void write(std::size_t frames, const float* const* const* streams, const StreamSink& sink);
  /// What is still missing of the length.
  void finish(const StreamSink& sink);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
