#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/export.h"
#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// How "no_<stem>" is made of a stem: the sum of all others, or the mix less that stem (demucs' `--other-method`).
enum class OtherMethod { add, minus };

/// How a track is cut, blended and put together. The defaults are those of demucs with `shifts=0`.
struct SeparatorOptions {
  /// Share of a segment that the next one covers again, in [0, 1).
  double overlap = 0.25;
  /// Extra quality for time: average this many passes over the track, each shifted by up to half a second.
  /// 0: one unshifted pass. At most 1000.
  unsigned shifts = 0;
  /// Draws the shift offsets: the values of `numpy.random.RandomState(seed).randint(0, sample_rate // 2 + 1, shifts)`.
  std::uint32_t seed = 0;
  /// Instead of `shifts` and `seed`: demucs' offsets themselves, each in [0, sample_rate / 2] frames.
  std::vector<std::size_t> shift_offsets;
  /// Which stems to deliver, in this order; empty: all of the model's.
  std::vector<std::string> stems;
  /// If set to a stem: deliver that stem and "no_<stem>". Excludes `stems`.
  std::string two_stems;
  /// For `two_stems`.
  OtherMethod other_method = OtherMethod::add;
  /// If set to one of the delivered stems: that one takes all of the mix that the model's other stems leave, so that
  /// the stems add up to the mix, to rounding. Excludes `two_stems`.
  std::string residual_to;
  /// Among the separations that wait for the model. They take turns by the segment.
  Priority priority = Priority::normal;
};

enum class Stage { measuring, separating };

struct Progress {
  Stage stage = Stage::measuring;
  double fraction = 0;  ///< of the separation, 0 to 1, never decreasing
};

/// Called on the thread that called `separate`, before the first and after every segment.
/// May throw: the separation stops and the exception reaches the caller of `separate`.
using OnProgress = std::function<void(const Progress&)>;

/// Delivers frames [first, first + frames) of the track into `channels[channel][0 .. frames)` and returns how many
/// there were; fewer than asked for only at the end of the track. Calls walk the track from frame 0 to its end without
/// gaps, twice: once to measure its level, then, starting over at `first` = 0, to separate it.
using Read = std::function<std::size_t(std::size_t first, std::size_t frames, float* const* channels)>;

/// Takes finished frames [first, first + frames) as `stems[stem][channel][0 .. frames)`, in the order of
/// `Separator::stems()`. Calls come in order and without gaps, and add up to exactly the track's length.
using Write = std::function<void(std::size_t first, std::size_t frames, const float* const* const* stems)>;

/// Separates whole tracks, with the exact arithmetic of `demucs.api.Separator.separate_tensor`: normalised by mean and
/// unbiased standard deviation of the mono mix, cut into overlapping segments, short ones padded with the real audio
/// around them, blended with triangular weights.
///
/// One object per thread (it keeps the working buffers between calls); any number of them share a `Model`.
/// Audio is planar float32 at the model's sample rate, full scale 1.0, any finite level.
class DEMUCS_ORT_EXPORT Separator {
 public:
  /// Throws `Error` invalid_argument if an option is out of range or names an unknown stem. Loads what the stems need
  /// of a bag of models, and throws as `Model::prepare`.
  explicit Separator(std::shared_ptr<const Model> model, SeparatorOptions options = {});
  Separator(Separator&&) noexcept;
  Separator& operator=(Separator&&) noexcept;
  ~Separator();

  /// Names of what is delivered, in order.
  const std::vector<std::string>& stems() const noexcept;
  const Model& model() const noexcept;

  /// A whole track in memory: `mix[channel][frame]` in, `stems[stem][channel][frame]` out, the same number of frames.
  /// Blocks for the length of the computation. Throws `Error`: bad_audio, runtime_failed, cancelled.
  void separate(const float* const* mix, std::size_t frames, float* const* const* stems,
                const OnProgress& progress = {}, const CancelToken& cancel = {});

  /// The same with callbacks: memory does not grow with the length of the track. Returns the track's frames.
  std::size_t separate(const Read& read, const Write& write, const OnProgress& progress = {},
                       const CancelToken& cancel = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
