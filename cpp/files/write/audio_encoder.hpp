#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/encoding.hpp"
#include "write/packet_sink.hpp"

struct AVCodecContext;

inline namespace demucs_ort_files {

/// Encodes one stream: planar floats in, packets with times in frames out. Throws ExitError exit_output.
class AudioEncoder {
 public:
  /// `file` is for messages.
  AudioEncoder(const Encoding& encoding, int rate, std::size_t channels, std::string file);
  ~AudioEncoder();
  AudioEncoder(AudioEncoder&&) noexcept;

  /// The time of the first frame, 0 without this call.
  void start_at(std::int64_t time) noexcept;
  /// Packets that are complete go to `packets`, as those of its stream number `stream`.
  void encode(std::size_t frames, const float* const* channels, std::size_t stream, PacketSink& packets);
  /// Hands over the packets of what still waits.
  void finish(std::size_t stream, PacketSink& packets);
  const AVCodecContext* context() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort_files
