#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "encoding.hpp"
#include "tags.hpp"

/// Writes one audio file with the song's tags. A WAV file becomes RF64 beyond 4 GB. Throws ExitError exit_output.
class AudioWriter {
 public:
  AudioWriter(const std::filesystem::path& file, const Encoding& encoding, int rate, std::size_t channels,
              const Tags& tags);
  ~AudioWriter();

  void write(std::size_t frames, const float* const* channels);
  /// Completes the file; without it the file is unusable.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
