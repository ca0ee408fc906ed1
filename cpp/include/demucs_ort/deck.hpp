#pragma once

/// Stems of a loaded track while it plays. Example (`mix[channel][frame]` is the track in memory, `out` one block):
///
///     const demucs_ort::DeckPool pool(demucs_ort::Model::load("htdemucs.onnx"));     // one for all decks
///     const auto read = [&](std::size_t first, std::size_t count, float* const* channels) {
///       for (std::size_t c = 0; c < 2; ++c) std::copy_n(mix[c] + first, count, channels[c]);
///       return count;
///     };
///     demucs_ort::Deck deck(pool, read, frames);      // returns at once; work starts in the background
///     deck.set_playhead(44100);                       // on the audio thread, for every block and every jump
///     const auto got = deck.read(44100, 512, out);    // likewise
///     report(got.frames);                             // a function of yours: so many frames were ready
///     if (got.quality == demucs_ort::StemQuality::provisional) std::puts("not final yet");

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demucs_ort/error.hpp"
#include "demucs_ort/export.h"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

struct DeckPoolOptions {
  /// Threads that separate, 1 to 64; each computes one segment at a time. Both models must have been loaded with a
  /// `ModelOptions::max_concurrent_runs` of at least that. One worker and a model that uses all cores
  /// (`ModelOptions::threads`) gives the first stem soonest.
  unsigned workers = 1;
  /// The same weights with a shorter segment (`demucs-export --segment SECONDS`). It computes provisional stems of what
  /// the playhead is about to reach where the model itself is not ready yet. Null: there are no provisional stems.
  std::shared_ptr<const Model> provisional;
  /// Runs both models once on silence as soon as there is nothing else to do, because a first run is slower.
  bool warm = true;
  /// Interrupts a run that can wait, and repeats it later, for a deck that would run dry before the run ends.
  bool preempt = true;
  /// Lets the workers use only the time that other threads leave. For the threads that ONNX Runtime starts there is
  /// `ModelOptions::low_priority`.
  bool low_priority = false;
};

/// The threads that separate for any number of decks. The decks share these threads and the models, and so one thread
/// budget. The deck that would run dry first is served first. Copies are the same pool; it lives as long as a deck.
class DEMUCS_ORT_EXPORT DeckPool {
 public:
  /// Starts the threads. Throws `Error` invalid_argument: no model, a number of workers out of range or larger than a
  /// model's `max_concurrent_runs`, a provisional model of other weights, stems or rate, or one with a longer segment
  /// than the model has.
  explicit DeckPool(std::shared_ptr<const Model> model, const DeckPoolOptions& options = {});
  DeckPool(const DeckPool&);
  DeckPool(DeckPool&&) noexcept;
  DeckPool& operator=(const DeckPool&);
  DeckPool& operator=(DeckPool&&) noexcept;
  /// The last copy interrupts what runs and waits for the threads to end.
  ~DeckPool();

  /// Thread: any; real-time safe.
  const Model& model() const noexcept;
  /// Whether the models have been run once, so that the next run is as fast as all later ones.
  /// Thread: any; real-time safe.
  bool warm() const noexcept;
  /// Runs interrupted so far for a deck that would have run dry.
  /// Thread: any; real-time safe.
  std::uint64_t preempted() const noexcept;

 private:
  friend class Deck;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// How finished stems are kept in memory.
enum class StemStorage {
  exact,    ///< float32: 1.4 MB for a second of four stereo stems
  compact,  ///< 16 bits a sample and a scale for each short block: half of that, noise 90 dB below the block's peak
};

struct DeckOptions {
  /// How the track is separated, as by a `Separator`; with its `sample_rate` all frames of the deck count. Its
  /// `priority` is not used: what the playhead needs soon runs as `Priority::foreground`, the rest as
  /// `Priority::background`.
  SeparatorOptions separator;
  /// The most memory for finished stems and for unfinished parts of them, in MiB. If the track does not fit, the stems
  /// that the playhead would reach last are dropped, and computed again when it comes closer.
  std::size_t cache_mb = 512;
  StemStorage storage = StemStorage::exact;
  /// A folder for what does not fit the cache, kept in a file that vanishes with the deck. Empty: no file.
  std::filesystem::path spill_folder;
  /// The frames over which `read` fades from provisional to final stems; 882 are 20 ms at 44.1 kHz.
  std::size_t crossfade_frames = 882;
};

enum class StemQuality {
  none,         ///< there are no stems yet
  provisional,  ///< computed by the provisional model, or fading from or to such stems
  final,        ///< those of `Separator` (to the bit with `StemStorage::exact`)
};

struct DeckRead {
  std::size_t frames = 0;  ///< how many were ready, from the first one asked for on
  StemQuality quality = StemQuality::none;
};

enum class DeckStage {
  measuring,   ///< the level of the whole track is not known yet; there are only provisional stems
  separating,  ///< final stems come in
  done,        ///< the whole track, or as much as fits the cache, is final; a jump can lead back to `separating`
  failed,      ///< see `DeckState::error`; what is ready can still be read
};

/// What a deck is doing, for a display. All values are of one moment.
struct DeckState {
  DeckStage stage = DeckStage::measuring;
  double fraction = 0;            ///< of the track that is final, in memory or in the spill file, 0 to 1
  std::size_t ready_frames = 0;   ///< frames that can be read without a gap, from the playhead on
  std::size_t final_frames = 0;   ///< the same, counting final stems only
  std::size_t cached_bytes = 0;   ///< stems and parts of them in memory
  std::size_t spilled_bytes = 0;  ///< stems in the spill file
  std::uint64_t segments = 0;     ///< segments that the model has computed so far, repeated ones too
  std::uint64_t provisional = 0;  ///< windows that the provisional model has computed so far
  std::optional<Status> error;    ///< set if the deck has failed: through its read callback (bad_audio) or a model
  std::string message;            ///< the error's sentence, or why the spill file is no longer used; else empty
};

/// A deck: the stems of one loaded track, separated around the playhead first and then everywhere.
///
/// The host moves the playhead. The workers separate what it will reach next, then what lies ahead, then the rest, and
/// plan anew whenever it jumps. When the whole track is in the cache, the stems equal those of a `Separator` with the
/// same options to the bit, whatever was played in between (docs/adr/0013-deck.md).
class DEMUCS_ORT_EXPORT Deck {
 public:
  /// `read` delivers any frames of the track at any time, as `Read` says but in any order, and always the same samples.
  /// Workers call it, never two at a time; it must not use this object. `frames` is the track's length.
  /// Returns at once. Work starts by reading the whole track once for its level (`DeckStage::measuring`: about 0.01 s
  /// for a minute of audio in memory, plus what `read` takes). Final stems need that level, provisional ones do not.
  /// Throws `Error`: invalid_argument (an option out of range, a cache that cannot hold twice a segment; the message
  /// says what is needed), bad_audio (no frames), and what `Model::prepare` throws.
  Deck(DeckPool pool, Read read, std::size_t frames, const DeckOptions& options = {});
  Deck(Deck&&) noexcept;
  Deck& operator=(Deck&&) noexcept;
  /// Interrupts what runs for this deck and waits for it: `read` is not called afterwards.
  ~Deck();

  /// Names of the delivered stems, in order.
  /// Thread: any; real-time safe.
  const std::vector<std::string>& stems() const noexcept;
  /// The track's length.
  /// Thread: any; real-time safe.
  std::size_t frames() const noexcept;

  /// Where the track plays, or will when it starts; 0 at first. Call it for every block and every jump. A frame beyond
  /// the end counts as the last one.
  /// Thread: any; real-time safe.
  void set_playhead(std::size_t frame) noexcept;
  /// The playhead will go back to `first` when it reaches `end`. `end` <= `first`: no loop.
  /// Thread: any; real-time safe.
  void set_loop(std::size_t first, std::size_t end) noexcept;
  /// Where the playhead may jump to (hot cues), at most 1024 frames. The first seconds of each are separated right
  /// after what lies just ahead of the playhead. Throws `Error` invalid_argument for a frame beyond the end.
  /// Thread: any.
  void set_cues(const std::vector<std::size_t>& frames);

  /// Copies frames [frame, frame + frames), as far as they are ready without a gap, to stems[stem][channel][i * stride]
  /// for i from 0 on, the stems in the order of `stems()`; the stride is as in `Strides`. It does not touch what lies
  /// beyond the returned count. A block that holds provisional frames, or a fade from or to them, is provisional. The
  /// fade needs calls that go on where the last one ended. Thread: owner's, usually the audio thread; other functions
  /// may be called meanwhile; real-time safe.
  DeckRead read(std::size_t frame, std::size_t frames, float* const* const* stems, std::size_t stride = 1) noexcept;

  /// What the deck is doing.
  /// Thread: any.
  DeckState state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
