#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/encoding.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Does to samples beyond full scale what the ClipMode says, before they are encoded. `rescale` has to know the peak
/// of the whole track first: it keeps the samples in a file in `scratch`, so that memory does not grow with the track.
/// Throws ExitError exit_output.
class ClipStage : public Stage {
 public:
  /// names: of the streams, for the warnings. common_gain: all streams are turned down alike, so that they still add
  /// up.
  ClipStage(const Encoding& encoding, std::vector<std::string> names, std::size_t channels, bool common_gain,
            const std::filesystem::path& scratch);

  void write(std::size_t frames, const float* const* const* streams) override;
  void finish() override;

  /// What was done to samples beyond full scale, a sentence for each stream that needs one.
  std::vector<std::string> warnings() const;

 private:
  /// What was found and done to one stream.
  struct Effect {
    float peak = 0;
    std::uint64_t beyond = 0;  // samples beyond the limit: 0.99 for clamp, else full scale
    float divisor = 1;         // rescale: what the samples were divided by
  };

  void measure(std::size_t frames, const float* const* const* streams);
  void clamp(std::size_t frames, const float* const* const* streams);
  void keep(std::size_t frames, const float* const* const* streams);
  void pass_on_buffers(std::size_t frames);
  void check() const;
  std::string describe(const Effect& effect) const;

  Encoding encoding_;
  std::vector<std::string> names_;
  std::size_t channels_;
  bool common_gain_;
  std::filesystem::path file_;
  std::fstream kept_;  // blocks of: number of frames, samples by stream and channel
  std::uint64_t kept_blocks_ = 0;
  std::vector<std::vector<float>> buffers_;  // [stream * channels + channel][frame]
  std::vector<Effect> effects_;
};

}  // namespace demucs_ort_files
