#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

/// Decodes the audio of any file FFmpeg reads, resampled and mixed to a model's rate and channels.
/// Mono goes to all channels unchanged; more channels than the model's are down-mixed so that full scale stays full
/// scale. Encoder delay and padding that the container declares are removed, as `ffmpeg` does.
/// Throws Failure exit_input.
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
  };
  const Found& found() const noexcept { return found_; }

 private:
  struct Decoder;
  std::filesystem::path file_;
  int sample_rate_;
  std::size_t channels_;
  std::unique_ptr<Decoder> decoder_;
  std::size_t position_ = 0;
  Found found_;
};

enum class SampleFormat { int16, int24, float32 };

/// What kind of file an AudioWriter makes.
struct AudioFormat {
  SampleFormat samples = SampleFormat::float32;
  int rate = 0;              ///< Hz
  std::uint64_t frames = 0;  ///< exact length; resampling alone can come out a few frames longer or shorter
};

/// Writes one WAV file (RF64 beyond 4 GB), resampled from `sample_rate` to the file's. Throws Failure exit_output.
class AudioWriter {
 public:
  AudioWriter(const std::filesystem::path& file, const AudioFormat& format, int sample_rate, std::size_t channels);
  ~AudioWriter();

  void write(std::size_t frames, const float* const* channels);
  /// Completes the file; without it the file is unusable.
  void finish();
  /// Samples beyond full scale that an integer format had to clip.
  std::uint64_t clipped_samples() const noexcept;

 private:
  struct Encoder;
  std::unique_ptr<Encoder> encoder_;
};
