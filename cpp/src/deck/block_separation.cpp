#include "deck/block_separation.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/stem_cache.hpp"
#include "deck/track_reader.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/mix_window.hpp"
#include "separation/overlap_add.hpp"
#include "separation/segment_plan.hpp"
#include "separation/stem_mixing.hpp"

namespace demucs_ort {
namespace {

constexpr std::size_t windows_measured_at_once = 8;

}  // namespace

BlockSeparation::BlockSeparation(const ModelInfo& info, std::size_t window_frames, const StemMixing& mixing,
                                 const BlockGrid& grid, StemStorage storage, TrackReader& reader)
    : channels_(info.channels),
      sources_(info.sources.size()),
      window_frames_(window_frames),
      mixing_(mixing),
      grid_(grid),
      storage_(storage),
      reader_(reader) {}

bool BlockSeparation::measure(MixWindow& window, const CancelToken& cancel) {
  const Read read = reader_.reader(cancel);
  bool more = true;
  for (std::size_t i = 0; more && i < windows_measured_at_once; ++i) more = window.measure_next(level_, read);
  measured_ = !more;
  return measured_;
}

void BlockSeparation::run(std::size_t segment, DeckBuffers& buffers, const RunOptions& options) {
  const Segment& heard = grid_.plan().segments()[segment];
  buffers.window().rewind(level_, heard.window);
  buffers.window().advance_to(heard.window, reader_.reader(options.cancel));
  buffers.run(options, heard.skipped);
}

BlockPart BlockSeparation::part(std::size_t segment, std::size_t block, const DeckBuffers& buffers) const {
  const auto [start, frames] = grid_.clip(segment, block);
  const float* row = buffers.stems() + (start - grid_.plan().segments()[segment].window);
  BlockPart part{segment, {}};
  part.rows.reserve(sources_ * channels_ * frames);
  for (std::size_t i = 0; i < sources_ * channels_; ++i, row += window_frames_) {
    part.rows.insert(part.rows.end(), row, row + frames);
  }
  return part;
}

/// The same additions in the same order as in Separation::run.
std::unique_ptr<const StemBlock> BlockSeparation::finish(std::size_t block, const std::vector<BlockPart>& parts,
                                                         const CancelToken& cancel) {
  const std::size_t block_frames = grid_.block_frames();
  OverlapAdd sums(mixing_.outputs().size() * channels_, block_frames);
  sums.reset(grid_.start(block));
  std::vector<float> weights(block_frames);
  const auto [first, end] = grid_.segments_of(block);
  for (std::size_t segment = first; segment < end; ++segment) {
    const auto part =
        std::find_if(parts.begin(), parts.end(), [&](const auto& each) { return each.segment == segment; });
    const auto [start, frames] = grid_.clip(segment, block);
    const Segment& whole = grid_.plan().segments()[segment];
    grid_.plan().blend_weights(whole, static_cast<std::size_t>(start - whole.start), frames, weights.data());
    mixing_.add(part->rows.data(), channels_, frames, 0, start, frames, weights.data(), sums);
  }
  MixWindow mix(channels_, block_frames);
  const auto start = static_cast<std::ptrdiff_t>(grid_.start(block));
  mix.rewind(level_, start);
  if (mixing_.uses_mix()) mix.advance_to(start, reader_.reader(cancel));
  std::vector<const float*> rows;
  for (std::size_t c = 0; c < channels_; ++c) rows.push_back(mix.data() + c * block_frames);
  mixing_.finish(rows, grid_.frames_of(block), level_, sums);
  return std::make_unique<StemBlock>(sums.rows(), block_frames, storage_);
}

}  // namespace demucs_ort
