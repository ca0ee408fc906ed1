#include "separation/separation.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/cancel_state.hpp"
#include "base/large_pages.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "rate/window_grid.hpp"
#include "separation/infer.hpp"
#include "separation/runs_in_flight.hpp"
#include "separation/segment_plan.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {
namespace {

constexpr std::size_t block_frames = 1 << 13;  // of all stems they stay in a processor's second cache

}  // namespace

Separation::Separation(const ModelInfo& info, const WindowGrid& grid, const SeparatorOptions& options,
                       const InFlight& in_flight)
    : info_(info),
      grid_(grid),
      mixing_(info, options),
      spacing_(info, options),
      window_(info.channels, grid.frames()),
      sums_(mixing_.outputs().size() * info.channels, grid.frames()),
      batch_segments_(in_flight.segments),
      weights_(grid.frames()) {
  const std::size_t mix = batch_segments_ * info.channels * grid.frames();
  while (batches_.size() < in_flight.runs + 1) {
    batches_.push_back(
        {LargePages(mix), LargePages(mix * info.sources.size()), std::vector<std::size_t>(batch_segments_)});
  }
}

std::size_t Separation::run(const InferBatch& infer, const Read& read, const Write& write, const OnProgress& progress,
                            const CancelToken& cancel) {
  const auto report = [&](Stage stage, double fraction) {
    throw_if_cancelled(cancel);
    if (progress) progress({stage, fraction});
    throw_if_cancelled(cancel);
  };
  model_seconds_ = 0;
  report(Stage::measuring, 0);
  const TrackLevel level = window_.measure([&](std::size_t first, std::size_t frames, float* const* channels) {
    throw_if_cancelled(cancel);
    return read(first, frames, channels);
  });
  const SegmentPlan plan(level.frames(), grid_, spacing_);
  const auto& segments = plan.segments();
  report(Stage::separating, 0);

  sums_.reset();
  weighted_.reset();
  window_.rewind(level, segments.front().window);
  RunsInFlight runs(batches_, infer, cancel);
  for (std::size_t filled = 0, done = 0; done < segments.size();) {
    while (SegmentBatch* batch = filled < segments.size() ? runs.to_fill() : nullptr) {
      throw_if_cancelled(cancel);
      fill(*batch, plan, filled, read);
      filled += batch->count;
      runs.submit();
    }
    const SegmentBatch& batch = runs.take();
    for (std::size_t i = 0; i < batch.count; ++i, ++done) {
      const auto next =
          done + 1 < segments.size() ? segments[done + 1].start : static_cast<std::ptrdiff_t>(level.frames());
      weigh(segments[done], plan);
      blend(batch, i, segments[done], static_cast<std::size_t>(std::max<std::ptrdiff_t>(next, 0)), level, write);
      model_seconds_ = runs.seconds();
      report(Stage::separating, static_cast<double>(done + 1) / static_cast<double>(segments.size()));
    }
    runs.release();
  }
  return level.frames();
}

void Separation::fill(SegmentBatch& batch, const SegmentPlan& plan, std::size_t first, const Read& read) {
  batch.count = std::min(batch_segments_, plan.segments().size() - first);
  const std::size_t size = info_.channels * grid_.frames();
  for (std::size_t i = 0; i < batch.count; ++i) {
    const Segment& segment = plan.segments()[first + i];
    window_.advance_to(segment.window, read);
    batch.skipped[i] = segment.skipped;
    std::copy_n(window_.data(), size, batch.mix.get() + i * size);
  }
}

void Separation::weigh(const Segment& segment, const SegmentPlan& plan) {
  if (weighted_ && plan.weighs_alike(*weighted_, segment)) return;
  plan.blend_weights(segment, 0, segment.frames, weights_.data());
  weighted_ = segment;
}

/// Adds a segment, whose weights are there, to the sums, and delivers them up to frame `complete` of the track, which
/// no later segment reaches. Goes block by block, so that memory is passed once.
void Separation::blend(const SegmentBatch& batch, std::size_t place, const Segment& segment, std::size_t complete,
                       const TrackLevel& level, const Write& write) {
  const std::size_t size = info_.channels * grid_.frames();
  const float* stems = batch.stems.get() + place * size * info_.sources.size();
  const auto skipped = static_cast<std::size_t>(segment.start - segment.window);
  for (std::size_t at = 0, frames = 0; at < segment.frames; at += frames) {
    frames = std::min(block_frames, segment.frames - at);
    const std::ptrdiff_t start = segment.start + static_cast<std::ptrdiff_t>(at);
    mixing_.add(stems, info_.channels, grid_.frames(), skipped + at, start, frames, weights_.data() + at, sums_);
    const auto added = start + static_cast<std::ptrdiff_t>(frames);
    const auto end = static_cast<std::size_t>(std::max<std::ptrdiff_t>(added, 0));
    deliver(batch.mix.get() + place * size, segment, std::min(end, complete), level, write);
  }
}

/// The frames before `end`, which the segment has completed; it has heard them.
void Separation::deliver(const float* mix, const Segment& segment, std::size_t end, const TrackLevel& level,
                         const Write& write) {
  std::vector<const float*> rows(info_.channels);
  std::vector<const float* const*> stems(mixing_.outputs().size());
  for (std::size_t o = 0; o < stems.size(); ++o) stems[o] = sums_.rows().data() + o * info_.channels;
  while (sums_.position() < end) {
    const std::size_t frames = std::min(end - sums_.position(), sums_.side_by_side());
    const auto at = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(sums_.position()) - segment.window);
    for (std::size_t c = 0; c < rows.size(); ++c) rows[c] = mix + c * grid_.frames() + at;
    mixing_.finish(rows, frames, level, sums_);
    write(sums_.position(), frames, stems.data());
    sums_.pop(frames);
  }
}

}  // namespace demucs_ort
