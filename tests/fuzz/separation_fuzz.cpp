// A whole separation with a fake model, of any length, overlap and shifts, with a host that misbehaves in any way; then
// the same object again with a host that behaves.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "input.hpp"
#include "rate/window_grid.hpp"
#include "separation/runs_in_flight.hpp"
#include "separation/segment_spacing.hpp"
#include "separation/separation.hpp"

using namespace demucs_ort;

namespace {

const std::vector<float> gains{0.5F, 0.25F, 0.125F, 0.125F};

struct HostFailed : std::runtime_error {
  HostFailed() : std::runtime_error("the host failed") {}
};

enum class Mischief {
  none,
  shrinks,
  delivers_too_much,
  read_throws,
  write_throws,
  progress_throws,
  cancels,
  not_finite
};

ModelInfo make_model(Input& input) {
  ModelInfo info;
  info.sample_rate = static_cast<int>(1 + input.below(2000));
  info.channels = 1 + input.below(3);
  info.segment_frames = 1 + input.below(600);
  const std::size_t sources = 1 + input.below(gains.size());
  for (std::size_t s = 0; s < sources; ++s) info.sources.push_back(std::string(1, static_cast<char>('a' + s)));
  return info;
}

SeparatorOptions make_options(Input& input) {
  SeparatorOptions options;
  options.overlap = input.flag() ? static_cast<double>(input.below(1000)) / 1000 : input.value<double>();
  options.shifts = input.flag() ? static_cast<unsigned>(input.below(8)) : input.value<std::uint32_t>();
  options.seed = input.value<std::uint32_t>();
  for (std::size_t count = input.below(4); count > 0; --count) {
    options.shift_offsets.push_back(input.flag() ? input.below(1000) : input.value<std::size_t>());
  }
  for (std::size_t count = input.below(4); count > 0; --count) options.stems.push_back(input.text());
  options.two_stems = input.text();
  options.residual_to = input.text();
  options.other_method = input.flag() ? OtherMethod::add : OtherMethod::minus;
  return options;
}

/// Whether a run would take too long for a fuzzer. Every frame is weighed against all segments that overlap there.
bool is_long(const ModelInfo& info, const WindowGrid& grid, const SeparatorOptions& options, std::size_t frames) {
  const auto passes = std::max<std::size_t>({1, options.shifts, options.shift_offsets.size()});
  const std::size_t stride = stride_for(info.segment_frames, options.overlap);
  const auto segments = static_cast<double>((grid.length_at_model(frames) + max_shift(info.sample_rate)) / stride + 1);
  const auto work = grid.frames() * (info.channels + info.segment_frames / stride);
  return static_cast<double>(passes) * segments * static_cast<double>(work) > 1e6;
}

class Host {
 public:
  /// `plain`: the stems are those of the model.
  Host(const ModelInfo& info, std::size_t window_frames, std::size_t frames, float level, bool plain)
      : info_(info), window_frames_(window_frames), plain_(plain) {
    std::uint32_t state = 1;
    track_.assign(info.channels, std::vector<float>(frames));
    for (auto& channel : track_) {
      for (float& sample : channel) {
        state = state * 1664525U + 1013904223U;
        sample = (static_cast<float>(state >> 8) / 16777216.0F - 0.4F) * level;
        sum_ += static_cast<double>(sample);
        peak_ = std::max(peak_, std::abs(sample));
      }
    }
  }

  std::size_t run(Separation& separation, Mischief mischief, std::size_t when) {
    CancelToken cancel;
    std::atomic<std::size_t> calls{0};  // several runs at a time
    std::size_t written = 0;
    double fraction = 0;
    std::size_t passes = 0;
    const auto is_time = [&](Mischief kind) { return mischief == kind && calls++ >= when; };
    const auto infer = [&](const float* mix, std::size_t windows, const std::size_t*, float* stems,
                           const CancelToken&) {
      const std::size_t size = info_.channels * window_frames_;
      for (std::size_t row = 0; row < windows * info_.sources.size(); ++row) {
        const float* heard = mix + row / info_.sources.size() * size;
        for (std::size_t i = 0; i < size; ++i) stems[row * size + i] = gains[row % info_.sources.size()] * heard[i];
      }
      if (is_time(Mischief::not_finite)) std::fill_n(stems, size, std::numeric_limits<float>::infinity());
      if (is_time(Mischief::cancels)) cancel.request();
    };
    const auto read = [&](std::size_t first, std::size_t wanted, float* const* out) {
      if (is_time(Mischief::read_throws)) throw HostFailed();
      if (first == 0) ++passes;
      std::size_t frames = track_[0].size();
      if (mischief == Mischief::shrinks && passes == 2) frames /= 2;
      const std::size_t count = first >= frames ? 0 : std::min(wanted, frames - first);
      for (std::size_t c = 0; c < info_.channels; ++c) std::copy_n(track_[c].data() + first, count, out[c]);
      return is_time(Mischief::delivers_too_much) ? wanted + 1 : count;
    };
    const auto write = [&](std::size_t first, std::size_t count, const float* const* const* stems) {
      if (is_time(Mischief::write_throws)) throw HostFailed();
      expect(first == written, "a gap between stretches");
      written += count;
      expect(written <= track_[0].size(), "more frames than the track has");
      for (std::size_t s = 0; s < separation.stems().size(); ++s) check(separation, s, first, count, stems[s]);
    };
    const auto progress = [&](const Progress& news) {
      expect(news.fraction >= fraction && news.fraction <= 1, "progress went back");
      fraction = news.fraction;
      if (is_time(Mischief::progress_throws)) throw HostFailed();
    };
    const std::size_t frames = separation.run(infer, read, write, progress, cancel);
    expect(frames == track_[0].size() && written == frames && fraction == 1, "an incomplete separation");
    return frames;
  }

 private:
  /// A stem of the model is its share of the mix around the track's mean; of other stems only that they are numbers.
  void check(const Separation& separation, std::size_t s, std::size_t first, std::size_t count,
             const float* const* stem) const {
    const std::string& name = separation.stems()[s];
    const bool plain = plain_ && name.size() == 1;
    const double mean = sum_ / static_cast<double>(info_.channels * track_[0].size());
    const double gain = static_cast<double>(gains[static_cast<std::size_t>(name[0] - 'a') % gains.size()]);
    const double tolerance = 2e-5 * (static_cast<double>(peak_) + std::abs(mean)) + 1e-7;
    for (std::size_t c = 0; c < info_.channels; ++c) {
      for (std::size_t i = 0; i < count; ++i) {
        expect(std::isfinite(stem[c][i]), "a sample that is no number");
        const double expected = gain * (static_cast<double>(track_[c][first + i]) - mean) + mean;
        expect(!plain || std::abs(static_cast<double>(stem[c][i]) - expected) <= tolerance, "a wrong sample");
      }
    }
  }

  ModelInfo info_;
  std::size_t window_frames_;
  bool plain_;
  std::vector<std::vector<float>> track_;  // [channel][frame]
  double sum_ = 0;
  float peak_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const ModelInfo info = make_model(input);
  const SeparatorOptions options = make_options(input);
  const std::size_t frames = input.below(5000);
  const float levels[] = {1.0F, 0.0F, 1e-30F, 1e-6F, 1e6F, 1e30F};
  const float level = levels[input.below(std::size(levels))];
  const auto mischief = static_cast<Mischief>(input.below(8));
  const std::size_t when = input.below(20);
  const InFlight in_flight{1 + input.below(3), 1 + input.below(3)};
  const bool own_rate = input.below(2) == 0;
  const auto other_rate = 1 + info.sample_rate / 2 + static_cast<int>(input.below(3000));
  try {
    const WindowGrid grid(info, own_rate ? info.sample_rate : other_rate);
    Separation separation(info, grid, options, in_flight);
    if (is_long(info, grid, options, frames)) return 0;
    Host host(info, grid.frames(), frames, level, options.residual_to.empty());
    try {
      host.run(separation, mischief, when);
    } catch (const HostFailed&) {
      expect(mischief != Mischief::none, "a failure of a host that behaves");
    } catch (const Error& error) {
      const bool empty = frames == 0 && error.status() == Status::bad_audio;
      expect(empty || mischief != Mischief::none, "an error without a reason");
    }
    if (frames > 0) host.run(separation, Mischief::none, 0);
  } catch (const Error& error) {
    expect(error.status() == Status::invalid_argument, "options refused with the wrong status");
  }
  return 0;
}
