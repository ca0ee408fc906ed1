#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "common/encoding.hpp"
#include "common/tags.hpp"
#include "write/audio_encoder.hpp"
#include "write/output_file.hpp"
#include "write/packet_sink.hpp"

inline namespace demucs_ort_files {

/// A file for each stream, with the song's tags. A WAV file becomes RF64 beyond 4 GB. Throws ExitError exit_output.
class SeparateFiles : public PacketSink {
 public:
  /// length: in frames, of all files; nothing: not known, so a WAV file may become RF64.
  SeparateFiles(const std::vector<std::filesystem::path>& files, const Encoding& encoding, int rate,
                std::optional<std::uint64_t> length, const std::vector<AudioEncoder>& encoders, const Tags& tags);

  void write(std::size_t stream, AVPacket* packet) override { files_[stream].write(packet, 0); }
  void finish() override;

 private:
  std::vector<OutputFile> files_;
};

}  // namespace demucs_ort_files
