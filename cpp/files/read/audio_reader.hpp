#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/tags.hpp"

inline namespace demucs_ort_files {

/// Decodes the first audio stream of any file FFmpeg reads, resampled and mixed to a model's rate and channels.
/// Mono goes to all channels unchanged; more channels than the model's are down-mixed so that full scale stays full
/// scale; own_downmix does that where libswresample cannot. Encoder delay and padding that the container declares are
/// removed, as `ffmpeg` does. Throws ExitError exit_input.
class AudioReader {
 public:
  AudioReader(std::filesystem::path file, int sample_rate, std::size_t channels);
  ~AudioReader();

  /// The contract of demucs_ort::Read: sequential, and again from frame 0.
  std::size_t read(std::size_t first, std::size_t frames, float* const* channels);

  /// What the first pass that reached the end found; zeros before.
  struct Found {
    int rate = 0;              ///< the file's own sample rate
    std::uint64_t frames = 0;  ///< its length at that rate
    std::size_t damaged = 0;   ///< packets the decoder refused
    int audio_streams = 0;
    double after_picture = 0;  ///< seconds by which the sound of a film begins later than its picture
  };
  const Found& found() const noexcept { return found_; }

  const Tags& tags() const noexcept { return tags_; }
  /// The sample rate that the file's header states.
  int declared_rate() const noexcept;
  std::size_t declared_channels() const noexcept;
  /// At the declared rate; 0: the file does not tell.
  std::uint64_t declared_frames() const noexcept;
  /// What a person should know of the file, a sentence each; complete after the first pass.
  std::vector<std::string> warnings() const;

 private:
  struct Decoder;
  std::filesystem::path file_;
  int sample_rate_;
  std::size_t channels_;
  std::unique_ptr<Decoder> decoder_;
  Tags tags_;
  std::size_t position_ = 0;
  Found found_;
  bool measured_ = false;  // then found_ does not change any more
};

}  // namespace demucs_ort_files
