#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "encoding.hpp"
#include "packet_copy.hpp"
#include "stem_output.hpp"
#include "stem_settings.hpp"
#include "tags.hpp"

/// Native Instruments' stem file: an MP4 file with five stereo streams of one rate and length, the mix (enabled) and
/// drums, bass, other, vocals (disabled), and a box that names and colours them. All streams have the same encoder
/// delay, so that a player that ignores edit lists plays them in step, too.
class StemFile : public StemOutput {
 public:
  /// Writes to `file`, which will be called `final_name`. The streams to write are the mix and the four stems, or with
  /// `mix` (packets to copy) only these four. Throws ExitError exit_output.
  StemFile(const std::filesystem::path& file, const std::filesystem::path& final_name, const Encoding& encoding,
           const StemFileSettings& settings, int rate, const Tags& tags, std::unique_ptr<PacketCopy> mix);
  ~StemFile() override;

 private:
  void encode(std::size_t frames, const float* const* const* streams) override;
  void complete() override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};
