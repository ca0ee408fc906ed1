#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/export.h"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

/// What a stream gives where its stems are not ready in time: nothing, or the mix, as late as the stems are and shared
/// equally between them, so that they still add up to it.
enum class Underrun { silence, mix };

/// Times are in seconds and rounded to frames of the model's sample rate. Latency is hop + lookahead + crossfade +
/// budget; what each of them costs in quality and load is mapped in docs/live.md.
struct StreamOptions {
  /// The model runs once every `hop`, on the newest segment of audio. Load is the time of a run divided by `hop`.
  double hop = 0.5;
  /// What the model hears past the newest audio it gives stems of.
  double lookahead = 0.25;
  /// In which each run's stems take over from those of the run before, at most `hop`.
  double crossfade = 0.05;
  /// For computing, in (0, 60]: at least the time of a run, and one of the host's blocks, and some milliseconds.
  double compute_time = 0.5;
  Underrun underrun = Underrun::silence;
  /// Which stems to deliver; as in `SeparatorOptions`.
  std::vector<std::string> stems;
  std::string two_stems;
  OtherMethod other_method = OtherMethod::add;
  std::string residual_to;
  /// Among all that wait for the model.
  Priority priority = Priority::foreground;
};

/// Separates audio as it arrives, on a thread of its own: a microphone, a radio, a plug-in on a bus.
///
/// Stems come `latency_frames()` after the mix, always, whatever happens. Window k of the model ends
/// hop + crossfade + lookahead after frame k * hop of the stream, and gives the stems of [k * hop, (k + 1) * hop). At
/// its start those of window k - 1 are faded out linearly, within `crossfade`. The mix before the stream's start counts
/// as silence.
///
/// The level of the whole track, by which `Separator` normalises, is not known here. Every window is divided by its own
/// standard deviation (of the mono mix, since the stream began), and its stems scaled back. Its mean is left alone:
/// that of some seconds is bass rather than offset, and demucs' way of adding it to every stem would cost some 0.5 dB
/// (docs/live.md).
///
/// A stream that falls behind blocks nobody: what is not there when its first frame is due is replaced for one hop
/// (`Underrun`), faded like all else, and counted. Afterwards stems are as late as before.
///
/// `process` and `reset` are for one thread, such as an audio thread: they take no lock, allocate nothing and call no
/// system function. Everything else may be called from any thread, but not while the stream is destroyed.
class DEMUCS_ORT_EXPORT Stream {
 public:
  /// Starts the thread and runs the model once, which takes longer the first time. Throws `Error`: invalid_argument (an
  /// option is out of range, or hop + crossfade + lookahead exceed the model's segment), and as `Model::prepare` and
  /// `Model::run`.
  explicit Stream(std::shared_ptr<const Model> model, const StreamOptions& options = {});
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  /// Stops a running inference.
  ~Stream();

  /// Takes the next `frames` of the mix, `in[channel][frame]`, planar float32 at the model's sample rate, and gives as
  /// many of the stems, `out[stem][channel][frame]`: zeros for the first `latency_frames()`. Any block size, but blocks
  /// longer than `compute_time` underrun. Samples that are not finite count as 0. `out` may hold buffers of `in`.
  /// Real-time safe.
  void process(const float* const* in, float* const* const* out, std::size_t frames) noexcept;

  /// The same for rendering faster or slower than real time: waits for stems that are not ready, so that none are
  /// replaced. Not real-time safe. Throws `Error` runtime_failed if the model failed; those stems were replaced.
  void render(const float* const* in, float* const* const* out, std::size_t frames);

  /// Forgets all that was heard, as after a jump: the next frame is the stream's first. Real-time safe.
  void reset() noexcept;

  /// Constant. Report it to the host.
  std::size_t latency_frames() const noexcept;
  /// Hops whose stems were replaced, since construction.
  std::uint64_t underruns() const noexcept;
  /// Why the last run of the model failed, a sentence; empty: none did. Such a hop is an underrun, too.
  std::string failure() const;
  /// Names of what is delivered, in order.
  const std::vector<std::string>& stems() const noexcept;
  const Model& model() const noexcept;

  /// Measures the model on this machine as it is busy now, for some runs, and returns `options` with the smallest hop
  /// at which computing takes no more than `load` of the time, in (0, 1], and a budget for the slowest run. Blocks.
  /// Throws `Error` runtime_failed if that hop is too long for the model's segment, and as the constructor.
  static StreamOptions recommend(const std::shared_ptr<const Model>& model, StreamOptions options = {},
                                 double load = 0.75);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
