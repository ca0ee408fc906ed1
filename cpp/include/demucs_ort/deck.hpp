#pragma once

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
  /// Threads that separate, 1 to 64, one segment each at a time. Both models must have been loaded with
  /// `ModelOptions::max_concurrent_runs` of at least that. One worker and a model that uses all cores
  /// (`ModelOptions::threads`) gives the first stem soonest.
  unsigned workers = 1;
  /// The same weights with a shorter window (`demucs-export --segment SECONDS`): separates what the playhead is about
  /// to reach before the model itself has, provisionally. Null: nothing is provisional.
  std::shared_ptr<const Model> provisional;
  /// Run both models once on silence as soon as there is nothing else to do: a session's first run is slower.
  bool warm = true;
  /// Interrupt a run that could wait, and repeat it later, for a deck that would run dry before its end.
  bool preempt = true;
  /// Let the workers compute only what other threads leave. For the threads that ONNX Runtime starts there is
  /// `ModelOptions::low_priority`.
  bool low_priority = false;
};

/// The threads that separate for any number of decks, which share them, the models and so one thread budget. Of all
/// decks the one that would run dry first is served first. Copies are the same workers; they live as long as a deck.
class DEMUCS_ORT_EXPORT DeckPool {
 public:
  /// Throws `Error` invalid_argument: no model, a number of workers out of range or larger than a model's
  /// `max_concurrent_runs`, a provisional model of other weights, stems or rate, or one that hears more than the model
  /// does.
  explicit DeckPool(std::shared_ptr<const Model> model, const DeckPoolOptions& options = {});
  DeckPool(const DeckPool&);
  DeckPool(DeckPool&&) noexcept;
  DeckPool& operator=(const DeckPool&);
  DeckPool& operator=(DeckPool&&) noexcept;
  /// The last copy interrupts what runs and waits for the threads to end.
  ~DeckPool();

  const Model& model() const noexcept;
  /// Whether the models have been run once, and the next run is as fast as all later ones. Thread-safe.
  bool warm() const noexcept;
  /// Runs interrupted so far in favour of a deck that would have run dry. Thread-safe.
  std::uint64_t preempted() const noexcept;

 private:
  friend class Deck;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// How finished stems are kept in memory.
enum class StemStorage {
  exact,    ///< float32: 1.4 MB a second for four stereo stems
  compact,  ///< 16 bits a sample and a scale for each short block: half of that, noise 90 dB below the block's peak
};

struct DeckOptions {
  /// How the track is separated, as by a `Separator`. `priority` has no meaning here: what the playhead needs soon runs
  /// as `Priority::foreground`, the rest as `Priority::background`.
  SeparatorOptions separator;
  /// The most memory for finished stems and parts of them, MiB. If the track does not fit, the stems that the playhead
  /// would reach last are dropped, and computed again when it comes closer.
  std::size_t cache_mb = 512;
  StemStorage storage = StemStorage::exact;
  /// A folder in which to keep what does not fit the cache, in a file that vanishes with the deck. Empty: no file.
  std::filesystem::path spill_folder;
  /// From provisional to final stems `read` fades over so many frames; 20 ms at 44.1 kHz.
  std::size_t crossfade_frames = 882;
};

enum class StemQuality {
  none,         ///< no stems there yet
  provisional,  ///< computed with the shorter window, or fading to what is final
  final,        ///< those of `Separator` (to the bit if stored exactly)
};

struct DeckRead {
  std::size_t frames = 0;  ///< how many were there, from the first one asked for on
  StemQuality quality = StemQuality::none;
};

enum class DeckStage {
  measuring,   ///< the level of the whole track is not known yet; there are only provisional stems
  separating,  ///< final stems come in
  done,        ///< all of the track, or as much as fits the cache, is final; moving the playhead can lead back
  failed,      ///< see `error`; what is there can still be read
};

/// What a deck is doing, for a display. All counts are of one moment.
struct DeckState {
  DeckStage stage = DeckStage::measuring;
  double fraction = 0;            ///< of the track that is final, in memory or in the spill file, 0 to 1
  std::size_t ready_frames = 0;   ///< that can be read from the playhead on without a gap
  std::size_t final_frames = 0;   ///< the same, final ones only
  std::size_t cached_bytes = 0;   ///< of stems and parts of them in memory
  std::size_t spilled_bytes = 0;  ///< in the spill file
  std::uint64_t segments = 0;     ///< segments computed so far by the model, repeated ones too
  std::uint64_t provisional = 0;  ///< windows computed so far by the provisional model
  std::optional<Status> error;    ///< set if the deck has failed: by its read callback (bad_audio) or a model
  std::string message;            ///< the error's sentence, or why the spill file is no longer used; else empty
};

/// A deck: the stems of one loaded track, separated around the playhead first and then everywhere.
///
/// The host moves the playhead; the workers separate what it will reach next, then ahead, then the rest, and plan anew
/// whenever it jumps. With all of the track in the cache the stems equal those of a `Separator` with the same options
/// to the bit, whatever was played in between (docs/adr/0013-deck.md).
///
/// Where "real-time safe" is written a function takes no lock, allocates nothing and makes no system call, and its time
/// is bounded by its arguments. All others may block and belong on another thread than the audio one.
class DEMUCS_ORT_EXPORT Deck {
 public:
  /// `read` delivers any frames of the track at any time, as `Read` says but in any order, always the same samples. It
  /// is called on worker threads, never by two at a time, and must not use this object. `frames`: the track's length.
  /// Returns at once; work starts by reading the whole track once for its level (`DeckStage::measuring`; about
  /// 0.01 s for a minute of audio in memory, plus what `read` takes to deliver it). The first provisional stems do not
  /// wait for that, the first final ones do.
  /// Throws `Error`: invalid_argument (an option out of range, a cache that cannot hold twice a segment; the message
  /// says what is needed), bad_audio (no frames), and what `Model::prepare` throws.
  Deck(DeckPool workers, Read read, std::size_t frames, const DeckOptions& options = {});
  Deck(Deck&&) noexcept;
  Deck& operator=(Deck&&) noexcept;
  /// Interrupts what runs for this deck and waits for it: `read` is not called afterwards.
  ~Deck();

  /// Names of what is delivered, in order. Real-time safe.
  const std::vector<std::string>& stems() const noexcept;
  /// The track's length. Real-time safe.
  std::size_t frames() const noexcept;

  /// Where the track plays, or will when it starts; at first 0. Call it for every block and every jump. Beyond the end
  /// counts as the last frame. Real-time safe, on any thread.
  void set_playhead(std::size_t frame) noexcept;
  /// The playhead will go back to `first` when it reaches `end`. `end` <= `first`: no loop. Real-time safe, any thread.
  void set_loop(std::size_t first, std::size_t end) noexcept;
  /// Where the playhead may jump to (hot cues): the first seconds of each come right after what lies just ahead of the
  /// playhead. At most 1024. Thread-safe. Throws `Error` invalid_argument for a frame beyond the end.
  void set_cues(const std::vector<std::size_t>& frames);

  /// Copies frames [frame, frame + frames) as far as they are there without a gap to stems[stem][channel][0 ..), the
  /// stems in the order of `stems()`; what lies beyond the returned count is left alone. A block that holds provisional
  /// frames, or the fade from or to them, is provisional. The fade needs calls that go on where the last one ended.
  /// Real-time safe; one thread at a time.
  DeckRead read(std::size_t frame, std::size_t frames, float* const* const* stems) noexcept;

  /// Thread-safe.
  DeckState state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
