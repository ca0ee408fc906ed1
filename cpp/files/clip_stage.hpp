#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "encoding.hpp"
#include "rate_converter.hpp"

/// Does to samples beyond full scale what the ClipMode says, before they are encoded. `rescale` has to know the peak
/// of the whole track first: it keeps the samples in a file in `scratch`, so that memory does not grow with the track.
class ClipStage {
 public:
  /// common_gain: all streams are turned down alike, so that they still add up. Throws ExitError exit_output.
  ClipStage(ClipMode mode, std::size_t streams, std::size_t channels, bool common_gain,
            const std::filesystem::path& scratch);

  void write(std::size_t frames, const float* const* const* streams, const StreamSink& sink);
  void finish(const StreamSink& sink);

  /// What was found and done to one stream.
  struct Effect {
    float peak = 0;
    std::uint64_t beyond = 0;  ///< samples beyond the limit: 0.99 for clamp, else full scale
    float divisor = 1;         ///< rescale: what the samples were divided by
  };
  const std::vector<Effect>& effects() const noexcept { return effects_; }

 private:
  void measure(std::size_t frames, const float* const* const* streams);
  void clamp(std::size_t frames, const float* const* const* streams, const StreamSink& sink);
  void keep(std::size_t frames, const float* const* const* streams);
  void check() const;
  void pass(std::size_t frames, const StreamSink& sink) const;

  ClipMode mode_;
  std::size_t channels_;
  bool common_gain_;
  std::filesystem::path file_;
  std::fstream kept_;                        // blocks of: number of frames, samples by stream and channel
  std::vector<std::vector<float>> buffers_;  // [stream * channels + channel][frame]
  std::vector<Effect> effects_;
};

/// Says in one sentence what was done to a stream, or is still to be known of it; empty if it needs no word.
std::string describe_clipping(const ClipStage::Effect& effect, const Encoding& encoding);
