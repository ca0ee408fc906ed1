#pragma once

/// Separating audio as it arrives: a microphone, a radio, a plug-in on a bus. Example (`in` is [channel][frame], `out`
/// is [stem][channel][frame], `frames` the host's block):
///
///     const auto model = demucs_ort::Model::load("htdemucs.onnx");
///     auto options = demucs_ort::Stream::recommend(model);        // measures this machine: about eight runs
///     options.underrun = demucs_ort::Underrun::mix;               // rather than silence, should stems be late
///     demucs_ort::Stream stream(model, options);                  // starts a thread
///     report(stream.latency_frames());                            // a function of yours: tells the host
///     stream.process(in, out, frames);                            // on the audio thread, for every block
///     report(stream.underruns());                                 // how often stems came too late

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/export.h"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

/// What a stream delivers in place of stems that are not ready in time: silence; or the mix, as late as the stems would
/// be and shared equally between them, so that they still add up to it.
enum class Underrun { silence, mix };

/// All times are in seconds and are rounded to frames of `sample_rate`. The latency is the sum of `hop`, `lookahead`,
/// `crossfade` and `compute_time`, and at another rate than the model's of 0.0044 s more (at 8000 Hz of 0.024 s): the
/// window's newest frames are blurred by the conversion. docs/live.md maps what each of them costs in quality and load.
struct StreamOptions {
  /// From one run of the model to the next. The load is the time of a run divided by `hop`.
  double hop = 0.5;
  /// What the model hears beyond the newest audio that it delivers stems of.
  double lookahead = 0.25;
  /// In this time the stems of each run fade in while those of the run before fade out; at most `hop`.
  double crossfade = 0.05;
  /// Time for computing, in (0, 60]: at least that of a run, plus one of the host's blocks, plus some milliseconds.
  double compute_time = 0.5;
  Underrun underrun = Underrun::silence;
  /// Which stems to deliver; these four as in `SeparatorOptions`.
  std::vector<std::string> stems;
  std::string two_stems;
  OtherMethod other_method = OtherMethod::add;
  std::string residual_to;
  /// Among all who wait for the model.
  Priority priority = Priority::foreground;
  /// Of the mix and of the stems, 8000 to 192 000 Hz; 0: the model's own. As `SeparatorOptions::sample_rate`.
  int sample_rate = 0;
};

/// Separates audio as it arrives, on a thread of its own.
///
/// Stems come `latency_frames()` after the mix, always. Window k of the model delivers the stems of frames
/// [k * hop, (k + 1) * hop) of the stream:
///
///     mix      ....[===================== window k =====================]   <- ends with the newest audio
///     stems                                 [== hop ==][cf][ lookahead ]
///                                           ^ k * hop   ^ fades out while window k + 1 fades in
///
/// The window is one segment of the model long and ends hop + crossfade + lookahead after frame k * hop. The mix before
/// the stream's start counts as silence.
///
/// `Separator` normalises by the level of the whole track, which is not known here. A stream divides every window by
/// its own standard deviation (of the mono mix, since the stream began) and scales its stems back. It does not subtract
/// the window's mean: over some seconds that is bass rather than offset, and demucs' way of adding it to every stem
/// would cost about 0.5 dB (docs/live.md).
///
/// A stream that falls behind blocks nobody. Stems that are not ready when their first frame is due are replaced for
/// one hop (`Underrun`), with the same fades, and counted. Afterwards the latency is what it was before.
class DEMUCS_ORT_EXPORT Stream {
 public:
  /// Starts the thread and runs the model once, because the first run takes longer. Throws `Error`: invalid_argument
  /// (an option is out of range, or hop + crossfade + lookahead exceed the model's segment), and what `Model::prepare`
  /// and `Model::run` throw.
  explicit Stream(std::shared_ptr<const Model> model, const StreamOptions& options = {});
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  /// Stops a running inference.
  ~Stream();

  /// Takes the next `frames` of the mix, `in[channel][frame * strides.mix]`, float32 at `StreamOptions::sample_rate`,
  /// and delivers as many of the stems, `out[stem][channel][frame * strides.stems]`: zeros for the first
  /// `latency_frames()`. Blocks may have any size, but blocks longer than `compute_time` underrun. Samples that are not
  /// finite count as 0. `out` may hold buffers of `in`, if both strides are the same. Thread: owner's, together with
  /// `render` and `reset`; real-time safe.
  void process(const float* const* in, float* const* const* out, std::size_t frames,
               const Strides& strides = {}) noexcept;

  /// The same for rendering faster or slower than real time: waits for stems that are not ready, so that none are
  /// replaced. Throws `Error` runtime_failed if the model failed; its stems were then replaced.
  /// Thread: owner's; blocks.
  void render(const float* const* in, float* const* const* out, std::size_t frames, const Strides& strides = {});

  /// Forgets all that was heard, as after a jump: the next frame is the stream's first.
  /// Thread: owner's; real-time safe.
  void reset() noexcept;

  /// From a frame of the mix to its stems. Constant; report it to the host.
  /// Thread: any; real-time safe.
  std::size_t latency_frames() const noexcept;
  /// Hops whose stems were replaced, since construction.
  /// Thread: any; real-time safe.
  std::uint64_t underruns() const noexcept;
  /// The share of the time that computing takes: the mean of the last eight windows, divided by `hop`. More than 1:
  /// this machine cannot keep up. 0 before the first window. A window of digital silence takes next to no time, for the
  /// model does not get it; one whose run failed does not count. A pause or a reset changes nothing.
  /// Thread: any; real-time safe.
  double load() const noexcept;
  /// Why the last run of the model that failed did so, one sentence; empty: none failed. Such a hop is an underrun,
  /// too. Thread: any.
  std::string failure() const;
  /// Names of the delivered stems, in order.
  /// Thread: any; real-time safe.
  const std::vector<std::string>& stems() const noexcept;
  /// Thread: any; real-time safe.
  const Model& model() const noexcept;

  /// `latency_frames` of a stream with these options, for a host that must be told before a model is loaded. Of the
  /// model it needs the sample rate, 8000 to 768 000 Hz; that of all HTDemucs models is 44100. Throws `Error`
  /// invalid_argument: a time or a rate is out of range, or the build cannot resample. Whether the model hears enough
  /// at a time, and has the stems, the constructor says.
  /// Thread: any.
  static std::size_t latency_of(const StreamOptions& options, int model_sample_rate = 44'100);

  /// Measures the model on this machine, as busy as it is now, and returns `options` with two changes: the smallest hop
  /// at which computing takes no more than `load` of the time, in (0, 1], and the compute_time of the slowest run.
  /// Blocks for about eight runs of the model. Throws `Error` runtime_failed if that hop is too long for the model's
  /// segment, and what the constructor throws.
  /// Thread: any.
  static StreamOptions recommend(const std::shared_ptr<const Model>& model, StreamOptions options = {},
                                 double load = 0.75);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
