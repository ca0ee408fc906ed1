#include "deck/provisional_separation.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/stem_cache.hpp"
#include "deck/track_reader.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "separation/stem_mixing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

ProvisionalSeparation::ProvisionalSeparation(const ModelInfo& provisional, const StemMixing& mixing,
                                             const BlockGrid& grid, StemStorage storage, std::size_t fade_frames,
                                             TrackReader& reader)
    : channels_(provisional.channels),
      window_frames_(provisional.segment_frames),
      mixing_(mixing),
      grid_(grid),
      storage_(storage),
      fade_frames_(std::clamp<std::size_t>(fade_frames, 1, grid.block_frames())),
      reader_(reader),
      sums_(mixing.outputs().size() * channels_, grid.block_frames()) {}

void ProvisionalSeparation::run(std::size_t first, const std::optional<TrackLevel>& known, DeckBuffers& buffers,
                                const RunOptions& options, const Put& put) {
  Window window = place(first);
  hear(window, known, buffers, options.cancel);
  buffers.run(options);
  // One block more before, for the fade from final stems that end there.
  std::size_t block = first > 0 && grid_.start(first - 1) >= window.start ? first - 1 : first;
  for (; block < grid_.blocks() && grid_.start(block) + grid_.frames_of(block) <= window.end; ++block) {
    cut(window, block, grid_.frames_of(block), buffers);
    if (block == first) fade_from_tail(block);
    put(block, std::make_unique<StemBlock>(sums_.rows(), grid_.block_frames(), storage_));
  }
  tail_.reset();
  if (block < grid_.blocks()) keep_tail(window, block, buffers);
}

/// The window begins before the first block, by one block at least, and hears only the track where that is long enough.
ProvisionalSeparation::Window ProvisionalSeparation::place(std::size_t first) const {
  // Frames at the end that are only heard: the model guesses worse where it hears one side.
  const std::size_t margin = window_frames_ / 20;
  const std::size_t last_start = grid_.frames() > window_frames_ ? grid_.frames() - window_frames_ : 0;
  const std::size_t lead = std::min(std::max(margin, grid_.block_frames()), grid_.start(first));
  const std::size_t start = std::min(grid_.start(first) - lead, last_start);
  const std::size_t end = start == last_start ? grid_.frames() : start + window_frames_ - margin;
  return {start, end, std::min(start + window_frames_, grid_.frames()), {}};
}

/// Reads what the window hears into the model's input.
void ProvisionalSeparation::hear(Window& window, const std::optional<TrackLevel>& known, DeckBuffers& buffers,
                                 const CancelToken& cancel) {
  std::vector<float> samples(channels_ * window_frames_);
  std::vector<float*> channels;
  for (std::size_t c = 0; c < channels_; ++c) channels.push_back(samples.data() + c * window_frames_);
  const std::size_t heard = reader_.read(window.start, window_frames_, channels.data(), cancel);
  TrackLevel own;
  own.add(channels.data(), channels_, heard);
  window.level = known.value_or(own);
  // To the model's input the track begins here: what it hears is already read.
  buffers.window().rewind(window.level, 0);
  buffers.window().advance_to(0, [&](std::size_t first, std::size_t frames, float* const* out) {
    for (std::size_t c = 0; c < channels_; ++c) std::copy_n(channels[c] + first, frames, out[c]);
    return frames;
  });
}

/// Leaves the first frames of a block's stems in the sums.
void ProvisionalSeparation::cut(const Window& window, std::size_t block, std::size_t frames,
                                const DeckBuffers& buffers) {
  const std::size_t at = grid_.start(block) - window.start;
  sums_.reset(grid_.start(block));
  const std::vector<float> weights(frames, 1.0F);
  mixing_.add(buffers.stems(), channels_, window_frames_, at, static_cast<std::ptrdiff_t>(grid_.start(block)), frames,
              weights.data(), sums_);
  std::vector<const float*> mix;
  for (std::size_t c = 0; c < channels_; ++c) mix.push_back(buffers.window().data() + c * window_frames_ + at);
  mixing_.finish(mix, frames, window.level, sums_);
}

void ProvisionalSeparation::keep_tail(const Window& window, std::size_t block, const DeckBuffers& buffers) {
  const std::size_t frames = std::min(fade_frames_, window.all_end - grid_.start(block));
  cut(window, block, frames, buffers);
  Tail tail{block, frames, {}};
  for (const float* row : sums_.rows()) tail.rows.insert(tail.rows.end(), row, row + frames);
  tail_ = std::move(tail);
}

/// Two windows never agree quite: the second one takes over gradually.
void ProvisionalSeparation::fade_from_tail(std::size_t block) {
  if (!tail_ || tail_->block != block) return;
  for (std::size_t row = 0; row < sums_.rows().size(); ++row) {
    const float* before = tail_->rows.data() + row * tail_->frames;
    float* now = sums_.rows()[row];
    for (std::size_t i = 0; i < tail_->frames; ++i) {
      const float share = static_cast<float>(i + 1) / static_cast<float>(tail_->frames + 1);
      now[i] = before[i] + (now[i] - before[i]) * share;
    }
  }
}

}  // namespace demucs_ort
