#include "write/write_behind_stage.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <vector>

inline namespace demucs_ort_files {

namespace {

constexpr std::size_t piece_frames = 1 << 16;  // small, so that a cancelled run does not encode on for long
constexpr std::size_t pieces_behind = 2;       // 3 s at 44.1 kHz, 4 MB of four stems

}  // namespace

WriteBehindStage::WriteBehindStage(std::size_t streams, std::size_t channels)
    : streams_(streams), channels_(channels), queue_(pieces_behind), thread_([this] { work(); }) {}

void WriteBehindStage::write(std::size_t frames, const float* const* const* streams) {
  for (std::size_t first = 0; first < frames; first += piece_frames) {
    put(first, std::min(piece_frames, frames - first), streams);
  }
}

void WriteBehindStage::put(std::size_t first, std::size_t frames, const float* const* const* streams) {
  Piece* piece = queue_.to_fill();
  if (piece == nullptr) std::rethrow_exception(failure_);
  piece->samples.resize(streams_ * channels_ * piece_frames);
  piece->frames = frames;
  float* row = piece->samples.data();
  for (std::size_t s = 0; s < streams_; ++s) {
    for (std::size_t c = 0; c < channels_; ++c, row += piece_frames) std::copy_n(streams[s][c] + first, frames, row);
  }
  queue_.filled();
}

void WriteBehindStage::work() noexcept {
  try {
    while (const Piece* piece = queue_.to_empty()) {
      pass_on_piece(*piece);
      queue_.emptied();
    }
  } catch (...) {
    failure_ = std::current_exception();
    queue_.close();
  }
}

void WriteBehindStage::pass_on_piece(const Piece& piece) {
  std::vector<const float*> rows;
  for (std::size_t i = 0; i < streams_ * channels_; ++i) rows.push_back(piece.samples.data() + i * piece_frames);
  std::vector<const float* const*> streams;
  for (std::size_t s = 0; s < streams_; ++s) streams.push_back(rows.data() + s * channels_);
  pass_on(piece.frames, streams.data());
}

void WriteBehindStage::finish() {
  queue_.end();
  thread_.join();
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace demucs_ort_files
