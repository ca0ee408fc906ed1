#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "write/audio_encoder.hpp"
#include "write/packet_sink.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Encodes every stream, all at the same time. The packets go to `packets`, which follows the last stage, a stream's
/// after the other's. Throws ExitError exit_output.
class EncodeStage : public Stage {
 public:
  /// first: the number that `packets` has for the first of these streams. min_delay: frames that every stream has at
  /// least before the first that is heard; where the encoder has fewer, silence makes up for them.
  EncodeStage(std::vector<AudioEncoder> encoders, std::size_t channels, int min_delay, PacketSink& packets,
              std::size_t first);

  void write(std::size_t frames, const float* const* const* streams) override;
  void finish() override;

 private:
  /// A sink that keeps the packets.
  class Packets;

  /// Lets every stream's encoder do the same on a thread of its own, and hands on what comes out.
  void encode_all(const std::function<void(std::size_t stream, PacketSink& packets)>& encode);
  void write_silence();

  std::vector<AudioEncoder> encoders_;
  std::size_t channels_;
  int silence_;  // frames, still to be written
  PacketSink& packets_;
  std::size_t first_;
};

}  // namespace demucs_ort_files
