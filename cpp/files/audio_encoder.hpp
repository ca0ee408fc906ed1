#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "encoding.hpp"

struct AVCodecContext;
struct AVPacket;

/// Encodes one stream: planar floats in, packets with timestamps out. Throws ExitError exit_output.
class AudioEncoder {
 public:
  /// The packet is the callee's to change, and is reused after the call.
  using TakePacket = std::function<void(AVPacket*)>;

  /// `file` is for messages. global_header: the container keeps the codec's header, as MP4 does.
  AudioEncoder(const Encoding& encoding, int rate, std::size_t channels, bool global_header, std::string file);
  ~AudioEncoder();
  AudioEncoder(AudioEncoder&&) noexcept;

  void encode(std::size_t frames, const float* const* channels, const TakePacket& take);
  void finish(const TakePacket& take);
  const AVCodecContext* context() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
