#pragma once

#include <cstddef>

struct AVPacket;

inline namespace demucs_ort_files {

/// The end of the way of a track's frames: takes the packets of all encoded streams into files.
class PacketSink {
 public:
  PacketSink() = default;
  PacketSink(const PacketSink&) = delete;
  PacketSink& operator=(const PacketSink&) = delete;
  virtual ~PacketSink() = default;

  /// Takes the next packet of one stream, with its times in frames. It may change the packet, and keeps nothing of it.
  virtual void write(std::size_t stream, AVPacket* packet) = 0;
  /// Completes the files; without it they are unusable.
  virtual void finish() = 0;
};

}  // namespace demucs_ort_files
