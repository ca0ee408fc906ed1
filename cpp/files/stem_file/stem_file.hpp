#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "common/tags.hpp"
#include "read/packet_copy.hpp"
#include "stem_file/stem_settings.hpp"
#include "write/audio_encoder.hpp"
#include "write/output_file.hpp"
#include "write/packet_sink.hpp"

inline namespace demucs_ort_files {

/// Native Instruments' stem file: an MP4 file with five stereo streams of one rate and length, the mix (enabled) and
/// drums, bass, other, vocals (disabled), and a box that names and colours them. All streams need the same encoder
/// delay, so that a player that ignores edit lists plays them in step, too. Throws ExitError exit_output.
class StemFile : public PacketSink {
 public:
  /// encoders: of the mix and the four stems, or, with packets of a `copied_mix`, only of the stems.
  StemFile(const std::filesystem::path& file, const StemFileSettings& settings, int rate, const PacketCopy* copied_mix,
           const std::vector<AudioEncoder>& encoders, const Tags& tags);

  void write(std::size_t stream, AVPacket* packet) override { output_.write(packet, static_cast<int>(stream)); }
  void finish() override { output_.finish(manifest_); }

 private:
  void label(AVStream* stream, const std::string& name) const;

  std::string manifest_;
  OutputFile output_;
};

}  // namespace demucs_ort_files
