#pragma once

#include <filesystem>
#include <string>

#include "common/encoding.hpp"
#include "common/ffmpeg.hpp"
#include "common/tags.hpp"

inline namespace demucs_ort_files {

/// A file that FFmpeg writes, with the song's tags, checked up to its last byte. Throws ExitError exit_output.
class OutputFile {
 public:
  /// `muxer`: FFmpeg's name of the container. The times of packets are in frames of `rate`.
  OutputFile(const std::filesystem::path& file, const char* muxer, int rate);

  AVFormatContext* context() const noexcept { return context_.get(); }
  AVStream* add_stream(const AVCodecParameters* parameters);
  AVStream* add_stream(const AVCodecContext* encoder);
  void set_option(const char* name, const std::string& value);
  /// Writes what comes before the packets. All streams and options have to be there.
  void start(Format format, const Tags& tags);
  void write(AVPacket* packet, int stream);
  /// Completes the file; `stem` is the content of a stem file's box.
  void finish(const std::string& stem = {});
  /// Throws if `status` is one of FFmpeg's error codes.
  void check(int status) const;

 private:
  std::filesystem::path file_;
  OutputPtr context_;
  AVRational frame_;  // the time of one
  Format format_ = Format::wav;
  TextTags rest_;  // that FFmpeg cannot write
};

}  // namespace demucs_ort_files
