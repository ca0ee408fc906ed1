#pragma once

#include <filesystem>
#include <string>

#include "ffmpeg.hpp"

/// A file that FFmpeg writes, up to its last byte checked. Throws ExitError exit_output.
class OutputFile {
 public:
  /// `muxer`: FFmpeg's name of the container.
  OutputFile(const std::filesystem::path& file, const char* muxer);

  AVFormatContext* context() const noexcept { return context_.get(); }
  AVStream* add_stream(const AVCodecParameters* parameters, int rate);
  AVStream* add_stream(const AVCodecContext* encoder);
  void set_option(const char* name, const std::string& value);
  void start();
  /// Times of the packet are in `time_base`.
  void write(AVPacket* packet, int stream, AVRational time_base);
  void finish();
  /// Throws if `status` is one of FFmpeg's error codes.
  void check(int status) const;

 private:
  std::filesystem::path file_;
  OutputPtr context_;
};
