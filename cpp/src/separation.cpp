#include "separation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "cancel_state.hpp"
#include "demucs_ort/error.hpp"

namespace demucs_ort {
namespace {

constexpr unsigned max_shifts = 1000;  // far beyond use; keeps a mistyped number from filling the memory

[[noreturn]] void bad_option(const std::string& message) { throw Error(Status::invalid_argument, message); }

/// The frames before the track at which each pass starts; demucs' offset counts from half a second before it.
std::vector<std::size_t> choose_leads(const ModelInfo& info, const SeparatorOptions& options) {
  const std::size_t limit = max_shift(info.sample_rate);
  std::vector<std::size_t> offsets = options.shift_offsets;
  if (offsets.empty()) {
    if (options.shifts == 0) return {0};
    if (options.shifts > max_shifts) bad_option("at most " + std::to_string(max_shifts) + " shifts are supported");
    offsets = draw_shift_offsets(options.seed, options.shifts, limit);
  } else if (options.shifts != 0 && options.shifts != offsets.size()) {
    bad_option("shifts and the number of shift_offsets differ; give one of them");
  }
  for (std::size_t& offset : offsets) {
    if (offset > limit) {
      bad_option("a shift offset of " + std::to_string(offset) + " frames is out of range; the largest is " +
                 std::to_string(limit));
    }
    offset = limit - offset;
  }
  return offsets;
}

std::size_t choose_stride(const ModelInfo& info, double overlap) {
  if (!(overlap >= 0 && overlap < 1)) bad_option("overlap must be at least 0 and less than 1");
  const std::size_t stride = stride_for(info.segment_frames, overlap);
  if (stride == 0) bad_option("overlap is so close to 1 that segments would not advance; choose less");
  return stride;
}

}  // namespace

Separation::Separation(const ModelInfo& info, const SeparatorOptions& options)
    : info_(info),
      outputs_(choose_outputs(info, options)),
      leads_(choose_leads(info, options)),
      stride_(choose_stride(info, options.overlap)),
      window_(info.channels, info.segment_frames),
      sums_(outputs_.size() * info.channels, info.segment_frames),
      inference_(info.sources.size() * info.channels * info.segment_frames),
      weights_(info.segment_frames) {
  for (const auto& output : outputs_) names_.push_back(output.name);
}

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
  const SegmentPlan plan(level.frames(), info_.segment_frames, stride_, leads_);
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
  plan.blend_weights(segment, weights_.data());
  const auto skipped = static_cast<std::size_t>(segment.start - segment.window);
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    for (std::size_t s = 0; s < info_.sources.size(); ++s) {
      const float gain = outputs_[o].gains[s];
      if (gain == 0.0F) continue;
      for (std::size_t c = 0; c < info_.channels; ++c) {
        const float* piece = inference_.data() + (s * info_.channels + c) * info_.segment_frames + skipped;
        sums_.add(o * info_.channels + c, segment.start, segment.frames, gain, weights_.data(), piece);
      }
    }
  }
}

void Separation::deliver(std::size_t frames, const TrackLevel& level, const Write& write) {
  const auto& rows = sums_.rows();
  const float scale = level.scale();
  std::vector<const float* const*> stems;
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    const float mix_gain = outputs_[o].mix_gain;
    const float mean = level.mean() * std::accumulate(outputs_[o].gains.begin(), outputs_[o].gains.end(), mix_gain);
    for (std::size_t c = 0; c < info_.channels; ++c) {
      float* row = rows[o * info_.channels + c];
      const float* mix = window_.at(c, sums_.position());  // it still holds what the last segment has completed
      for (std::size_t i = 0; i < frames; ++i) {
        row[i] = (row[i] + mix_gain * mix[i]) * scale + mean;
        if (!std::isfinite(row[i])) {
          throw Error(Status::runtime_failed, "the model computed a value that is not finite near frame " +
                                                  std::to_string(sums_.position() + i) +
                                                  "; the model file or its provider is broken");
        }
      }
    }
    stems.push_back(rows.data() + o * info_.channels);
  }
  write(sums_.position(), frames, stems.data());
  sums_.pop(frames);
}

}  // namespace demucs_ort
