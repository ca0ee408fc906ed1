#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "base/joining_thread.hpp"
#include "common/bounded_queue.hpp"
#include "read/audio_reader.hpp"

inline namespace demucs_ort_files {

/// Decodes a track on a thread of its own, some seconds ahead of who reads it, so that a model does not wait for the
/// decoder. Goes through the track twice, as a separation does. Throws what the reader throws, where it reads.
class ReadAhead {
 public:
  /// Until this object goes, nobody else may let the reader read; what it tells of the track may be asked for after the
  /// first pass.
  ReadAhead(AudioReader& reader, std::size_t channels);
  ~ReadAhead() { queue_.close(); }

  /// The contract of demucs_ort::Read.
  std::size_t read(std::size_t first, std::size_t frames, float* const* channels);

 private:
  struct Block {
    std::vector<std::vector<float>> samples;  // [channel][frame]
    std::size_t frames = 0;                   // fewer than a whole block has: the track ends here
  };

  void work() noexcept;
  void decode();

  AudioReader& reader_;
  std::size_t channels_;
  BoundedQueue<Block> queue_;
  bool ended_ = false;                // the pass
  std::size_t taken_ = 0;             // of the block that is read
  std::exception_ptr failure_;        // set before the queue ends
  demucs_ort::JoiningThread thread_;  // last: the first to go
};

}  // namespace demucs_ort_files
