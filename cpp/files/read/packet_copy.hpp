#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "common/encoding.hpp"
#include "read/audio_reader.hpp"

struct AVCodecParameters;
struct AVPacket;

inline namespace demucs_ort_files {

/// The packets of a song's first audio stream, to be written into another file as they are. Only such songs can be
/// copied whose packets line up with those of the encoder: MP4 files with the same codec, stereo, and a delay that the
/// encoder can be given, too.
class PacketCopy {
 public:
  /// `found`: what decoding the whole song has told. `frames`: its length at `rate`. Nothing if it cannot be copied;
  /// `why_not` then ends the sentence "the mix is encoded again: ...".
  static std::unique_ptr<PacketCopy> open(const std::filesystem::path& song, const AudioReader::Found& found,
                                          const Encoding& encoding, int rate, std::uint64_t frames,
                                          std::string& why_not);
  ~PacketCopy();

  const AVCodecParameters* parameters() const noexcept;
  /// Frames before the first that is heard.
  int delay() const noexcept;
  /// The next packet that begins before `frame`, with its time in frames; false if there is none. Throws ExitError
  /// exit_input.
  bool next(AVPacket* packet, std::uint64_t frame);

 private:
  struct Impl;
  explicit PacketCopy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort_files
