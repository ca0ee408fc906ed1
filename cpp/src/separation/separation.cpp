#include "separation/separation.hpp"

#include <cstddef>
#include <vector>

#include "base/cancel_state.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "separation/infer.hpp"
#include "separation/segment_plan.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {

Separation::Separation(const ModelInfo& info, const SeparatorOptions& options)
    : info_(info),
      mixing_(info, options),
      spacing_(info, options),
      window_(info.channels, info.segment_frames),
      sums_(mixing_.outputs().size() * info.channels, info.segment_frames),
      inference_(info.sources.size() * info.channels * info.segment_frames),
      weights_(info.segment_frames) {}

std::size_t Separation::run(const Infer& infer, const Read& read, const Write& write, const OnProgress& progress,
                            const CancelToken& cancel) {
  const auto report = [&](Stage stage, double fraction) {
    throw_if_cancelled(cancel);
    if (progress) progress({stage, fraction});
    throw_if_cancelled(cancel);
  };
  report(Stage::measuring, 0);
  const TrackLevel level = window_.measure([&](std::size_t first, std::size_t frames, float* const* channels) {
    throw_if_cancelled(cancel);
    return read(first, frames, channels);
  });
  const SegmentPlan plan(level.frames(), info_.segment_frames, spacing_);
  const auto& segments = plan.segments();
  report(Stage::separating, 0);

  sums_.reset();
  window_.rewind(level, segments.front().window);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    window_.advance_to(segments[i].window, read);
    infer(window_.data(), inference_.data());
    add(segments[i], plan);
    const auto next = i + 1 < segments.size() ? segments[i + 1].start : static_cast<std::ptrdiff_t>(level.frames());
    if (next > static_cast<std::ptrdiff_t>(sums_.position())) {
      deliver(static_cast<std::size_t>(next) - sums_.position(), level, write);
    }
    report(Stage::separating, static_cast<double>(i + 1) / static_cast<double>(segments.size()));
  }
  return level.frames();
}

void Separation::add(const Segment& segment, const SegmentPlan& plan) {
  plan.blend_weights(segment, 0, segment.frames, weights_.data());
  const auto skipped = static_cast<std::size_t>(segment.start - segment.window);
  mixing_.add(inference_.data(), info_.channels, info_.segment_frames, skipped, segment.start, segment.frames,
              weights_.data(), sums_);
}

void Separation::deliver(std::size_t frames, const TrackLevel& level, const Write& write) {
  std::vector<const float*> mix;  // the window still holds what the last segment has completed
  for (std::size_t c = 0; c < info_.channels; ++c) mix.push_back(window_.at(c, sums_.position()));
  mixing_.finish(mix, frames, level, sums_);
  std::vector<const float* const*> stems;
  for (std::size_t o = 0; o < mixing_.outputs().size(); ++o) stems.push_back(sums_.rows().data() + o * info_.channels);
  write(sums_.position(), frames, stems.data());
  sums_.pop(frames);
}

}  // namespace demucs_ort
