#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "read/audio_reader.hpp"

inline namespace demucs_ort_files {

/// A file's frames, a stretch after the other, in stereo at a given rate. Throws ExitError exit_input.
class SongFeed {
 public:
  SongFeed(const std::filesystem::path& file, int rate);

  /// Decodes it once to its end and starts over.
  void measure();
  /// The next frames, silence after the end; valid until the next call.
  const float* const* read(std::size_t frames);
  const AudioReader& reader() const noexcept { return reader_; }

 private:
  AudioReader reader_;
  std::size_t position_ = 0;
  std::vector<std::vector<float>> samples_;
  std::vector<float*> channels_;
};

}  // namespace demucs_ort_files
