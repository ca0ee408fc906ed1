#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "base/joining_thread.hpp"
#include "common/bounded_queue.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Passes frames on from a thread of its own, so that a model does not wait for encoders and disks. What the stages
/// that follow throw comes out of the next `write` or of `finish`.
class WriteBehindStage : public Stage {
 public:
  WriteBehindStage(std::size_t streams, std::size_t channels);
  /// Leaves out what has not been written; without `finish` the files are unusable anyway.
  ~WriteBehindStage() override { queue_.close(); }

  void write(std::size_t frames, const float* const* const* streams) override;
  /// Waits until all is written.
  void finish() override;

 private:
  struct Piece {
    std::vector<float> samples;  // [stream][channel][frame]
    std::size_t frames = 0;
  };

  void work() noexcept;
  void pass_on_piece(const Piece& piece);
  void put(std::size_t first, std::size_t frames, const float* const* const* streams);

  std::size_t streams_;
  std::size_t channels_;
  BoundedQueue<Piece> queue_;
  std::exception_ptr failure_;        // set before the queue is closed
  demucs_ort::JoiningThread thread_;  // last: the first to go
};

}  // namespace demucs_ort_files
