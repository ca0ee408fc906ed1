#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/ffmpeg.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Resamples all streams in step, from the model's rate to the files': exactly `length` frames come out, whatever the
/// resampler's own rounding; without it as many as those that came are long. At equal rates the samples pass unchanged.
/// Throws ExitError exit_output if FFmpeg fails.
class RateStage : public Stage {
 public:
  RateStage(std::size_t streams, std::size_t channels, int from_rate, int to_rate, std::optional<std::uint64_t> length);

  void write(std::size_t frames, const float* const* const* streams) override;
  /// Passes on what is still missing of the length.
  void finish() override;

 private:
  /// Fills the buffers of a stream; without input with what the resampler still holds. Returns the frames.
  std::size_t convert(std::size_t stream, const float* const* input, std::size_t frames);
  void deliver_buffers(std::size_t frames);
  void deliver(std::size_t frames, const float* const* const* streams);

  int from_, to_;
  std::optional<std::uint64_t> length_;
  std::uint64_t received_ = 0;
  std::uint64_t delivered_ = 0;
  std::vector<ResamplerPtr> resamplers_;                  // none at equal rates
  std::vector<std::vector<std::vector<float>>> buffers_;  // [stream][channel][frame]
};

}  // namespace demucs_ort_files
