#pragma once

/// Separating whole tracks. Example (mix[channel][frame] in, stems[stem][channel][frame] out):
///
///     const auto model = demucs_ort::Model::load("htdemucs.onnx");
///     demucs_ort::SeparatorOptions options;
///     options.two_stems = "vocals";                                // "vocals" and "no_vocals", for karaoke
///     options.other_method = demucs_ort::OtherMethod::minus;       // which add up to the mix
///     demucs_ort::Separator separator(model, options);
///     separator.separate(mix, frames, stems, [](const demucs_ort::Progress& progress) {
///       report(100 * progress.fraction);                           // a function of yours: per cent done
///     });

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/export.h"
#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// How "no_<stem>" is made: as the sum of all other stems, or as the mix minus that stem (demucs' `--other-method`).
enum class OtherMethod { add, minus };

/// How a track is cut, blended and put together. The defaults are those of demucs with `shifts=0`.
struct SeparatorOptions {
  /// The share of a segment that the next one covers again, in [0, 1).
  double overlap = 0.25;
  /// Better quality for more time: the stems are the mean of this many passes over the track, each shifted by up to
  /// half a second. 0: one unshifted pass. At most 1000.
  unsigned shifts = 0;
  /// Draws the shift offsets: the values of `numpy.random.RandomState(seed).randint(0, sample_rate // 2 + 1, shifts)`,
  /// in frames of the model's own rate.
  std::uint32_t seed = 0;
  /// Instead of `shifts` and `seed`: demucs' offsets themselves, each in [0, sample_rate / 2] frames of the model's own
  /// rate.
  std::vector<std::size_t> shift_offsets;
  /// The stems to deliver, in this order; empty: all of the model's.
  std::vector<std::string> stems;
  /// If set: deliver this stem and "no_<stem>". Excludes `stems`.
  std::string two_stems;
  /// For `two_stems`.
  OtherMethod other_method = OtherMethod::add;
  /// If set to one of the delivered stems: this stem becomes the mix minus the model's other stems, so that the stems
  /// add up to the mix, to rounding. The mix's mean is then in this stem alone; otherwise it is in every stem, as in
  /// demucs. Excludes `two_stems`.
  std::string residual_to;
  /// Among the separations that wait for the model. Those of the same priority take turns, segment by segment.
  Priority priority = Priority::normal;
  /// Of the mix and of the stems, 8000 to 192 000 Hz; 0: the model's own (44 100). At another rate each segment is
  /// converted to the model's and its stems back, so that all frames count at this one (docs/embedding.md#rates). Needs
  /// a build with a resampler.
  int sample_rate = 0;
};

/// How far apart in memory the frames of one channel lie, in floats: 1 is planar audio. Interleaved audio has the
/// number of its channels, and channel pointers to the first sample of each.
struct Strides {
  std::size_t mix = 1;
  std::size_t stems = 1;
};

/// `measuring` reads the whole track once for its level, `separating` does the work.
enum class Stage { measuring, separating };

struct Progress {
  Stage stage = Stage::measuring;
  double fraction = 0;  ///< of the separation that is done, 0 to 1, never decreasing
};

/// Called before the first and after every segment, on the thread that called `separate`.
/// If it throws, the separation stops and the exception reaches the caller of `separate`.
using OnProgress = std::function<void(const Progress&)>;

/// Delivers frames [first, first + frames) of the track into `channels[channel][0 .. frames)` and returns how many
/// there were: fewer than asked for only at the end of the track. Calls walk the track from frame 0 to its end without
/// gaps, twice: once to measure its level, then again from frame 0 to separate it.
using Read = std::function<std::size_t(std::size_t first, std::size_t frames, float* const* channels)>;

/// Takes finished frames [first, first + frames) as `stems[stem][channel][0 .. frames)`, in the order of
/// `Separator::stems()`. Calls come in order and without gaps, and add up to exactly the track's length.
using Write = std::function<void(std::size_t first, std::size_t frames, const float* const* const* stems)>;

/// Separates whole tracks with the arithmetic of `demucs.api.Separator.separate_tensor` (demucs 4.1.0): the track is
/// normalised by mean and unbiased standard deviation of its mono mix and cut into overlapping segments; short segments
/// hear the real audio around them; triangular weights blend the segments.
///
/// The model computes on threads that `separate` starts, as many segments at a time as the model was loaded for
/// (`Model::max_concurrent_runs`, `Model::max_batch`), while the caller's thread reads ahead and writes what is done.
/// The stems do not depend on the number of runs, to the bit; another batch may change their last bits. With
/// `Priority::background` one run less is used, if there are several.
///
/// Use one object for each thread, because it keeps its working buffers between calls; any number of objects share a
/// `Model`. Audio is float32 at `SeparatorOptions::sample_rate`, full scale 1.0, any finite level.
class DEMUCS_ORT_EXPORT Separator {
 public:
  /// Loads what the stems need of a bag of models; `cancel` stops that. Throws `Error` invalid_argument if an option is
  /// out of range or names an unknown stem, and what `Model::prepare` throws.
  explicit Separator(std::shared_ptr<const Model> model, SeparatorOptions options = {}, const CancelToken& cancel = {});
  Separator(Separator&&) noexcept;
  Separator& operator=(Separator&&) noexcept;
  ~Separator();

  /// Names of the delivered stems, in order.
  /// Thread: any; real-time safe.
  const std::vector<std::string>& stems() const noexcept;
  /// Thread: any; real-time safe.
  const Model& model() const noexcept;
  /// Of the last `separate`: the seconds during which the model was computing, or this separation waited for its turn
  /// at the model. In the rest it had nothing to do: before the first segment, after the last one, and wherever
  /// reading or writing was slower.
  /// Thread: owner's.
  double model_seconds() const noexcept;

  /// A whole track in memory: `mix[channel][frame * strides.mix]` in, `stems[stem][channel][frame * strides.stems]`
  /// out, `frames` of each. Blocks until all is computed. Throws `Error`: invalid_argument (a stride of 0), bad_audio,
  /// runtime_failed, cancelled; afterwards the object is usable.
  /// Thread: owner's.
  void separate(const float* const* mix, std::size_t frames, float* const* const* stems,
                const OnProgress& progress = {}, const CancelToken& cancel = {}, const Strides& strides = {});

  /// The same through callbacks, so that memory does not grow with the length of the track. Returns the track's frames.
  /// Thread: owner's; the callbacks run on it.
  std::size_t separate(const Read& read, const Write& write, const OnProgress& progress = {},
                       const CancelToken& cancel = {});

  // For hosts that hand a track over piece by piece and cannot be called back, such as an analyser of a DJ program:
  // begin, push ..., finish. The stems are those of `separate`, to the bit. The track's level is known only at its end,
  // so `finish` does all the computing.

  /// Starts a track. What was pushed before is forgotten. The mix is kept in a file in `spill_folder` (8 bytes a stereo
  /// frame) that vanishes with the object, with `finish` and with the process; memory does not grow with the track.
  /// Empty: the system's folder for temporary files. Throws `Error` invalid_argument if no file can be made there.
  /// Thread: owner's.
  void begin(const std::filesystem::path& spill_folder = {});
  /// Appends frames `mix[channel][frame * stride]`, as `Strides`. Throws `Error`: invalid_argument without `begin`,
  /// runtime_failed if the disk is full; the track is then forgotten.
  /// Thread: owner's. Writes to disk, so no audio thread.
  void push(const float* const* mix, std::size_t frames, std::size_t stride = 1);
  /// Separates what was pushed, as `separate`, and forgets it. After a failure or a cancel the track is still there,
  /// for another `finish`. Throws also invalid_argument without `begin`. Thread: owner's; the callbacks run on it.
  std::size_t finish(const Write& write, const OnProgress& progress = {}, const CancelToken& cancel = {});
  /// Forgets what was pushed, and its file.
  /// Thread: owner's.
  void abandon() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
