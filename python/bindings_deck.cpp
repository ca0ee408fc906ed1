#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bindings_support.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

using namespace demucs_ort;

namespace {

/// A track in memory, or a function that reads it.
class TrackArgument : public py::object {
  static bool accept(PyObject* any) { return any != nullptr; }
  PYBIND11_OBJECT(TrackArgument, py::object, accept)
};

/// DeckPool that can be closed.
class PyDeckPool {
 public:
  PyDeckPool(const std::shared_ptr<Model>& model, const DeckPoolOptions& options)
      : pool_(Shared<DeckPool>::make("pool", std::make_unique<DeckPool>(model, options))) {}
  PyDeckPool(const PyDeckPool&) = delete;
  PyDeckPool& operator=(const PyDeckPool&) = delete;
  ~PyDeckPool() { close(); }

  void close() { pool_->close(); }
  /// The same threads, for a deck that may outlive this.
  DeckPool copy() const {
    return pool_->with([](const DeckPool& pool) { return pool; });
  }
  bool warm() const {
    return pool_->with([](const DeckPool& pool) { return pool.warm(); });
  }
  std::uint64_t preempted() const {
    return pool_->with([](const DeckPool& pool) { return pool.preempted(); });
  }

 private:
  std::shared_ptr<Shared<DeckPool>> pool_;
};

/// Reads the track through a Python function, on a worker's thread.
Read python_reader(const py::function& function, const ModelInfo& info) {
  // The function is let go of by whoever drops the last copy, with or without the interpreter's lock.
  const std::shared_ptr<py::function> shared(new py::function(function), [](py::function* held) {
    const py::gil_scoped_acquire acquire;
    delete held;
  });
  return [shared, channels = info.channels](std::size_t first, std::size_t frames, float* const* out) {
    const py::gil_scoped_acquire acquire;
    try {
      const auto given = py::reinterpret_borrow<MixArgument>((*shared)(first, frames));
      const Array found = contiguous_rows(checked_mix(given, 2, "of shape (channels, frames)"));
      const auto count = static_cast<std::size_t>(found.shape(1));
      if (static_cast<std::size_t>(found.shape(0)) != channels || count > frames) {
        throw py::value_error("it must return at most " + std::to_string(frames) + " frames of " +
                              std::to_string(channels) + " channels, not " + shape_text(found));
      }
      const auto rows = row_pointers(found.data(), found);
      for (std::size_t c = 0; c < channels; ++c) std::copy_n(rows[c], count, out[c]);
      return count;
    } catch (const std::exception& failure) {
      throw std::runtime_error(failure.what());  // a Python exception must not leave with the lock
    }
  };
}

StemStorage storage_named(const std::string& name) {
  if (name == "exact") return StemStorage::exact;
  if (name == "compact") return StemStorage::compact;
  throw py::value_error("storage is '" + name + "'; choose 'exact' or 'compact'");
}

const char* quality_name(StemQuality quality) {
  switch (quality) {
    case StemQuality::none:
      return "none";
    case StemQuality::provisional:
      return "provisional";
    case StemQuality::final:
      break;
  }
  return "final";
}

const char* stage_name(DeckStage stage) {
  switch (stage) {
    case DeckStage::measuring:
      return "measuring";
    case DeckStage::separating:
      return "separating";
    case DeckStage::done:
      return "done";
    case DeckStage::failed:
      break;
  }
  return "failed";
}

/// A Deck and the track it reads.
class PyDeck {
 public:
  PyDeck(const PyDeckPool& pool, const TrackArgument& track, std::optional<std::size_t> frames,
         const DeckOptions& options)
      : PyDeck(pool.copy(), track, frames, options) {}
  PyDeck(const PyDeck&) = delete;
  PyDeck& operator=(const PyDeck&) = delete;
  ~PyDeck() { close(); }

  void close() {
    if (deck_) deck_->close();
  }

  /// What `ask` answers.
  template <typename Ask>
  auto with(const Ask& ask) {
    return deck_->with(ask);
  }

  py::tuple read(std::size_t frame, std::size_t frames) {
    const auto [names, length] = with([](const Deck& deck) { return std::pair(deck.stems(), deck.frames()); });
    frames = std::min(frames, frame < length ? length - frame : 0);
    const StemArrays stems(names, info_.channels, frames);
    const DeckRead got = with([&](Deck& deck) { return deck.read(frame, frames, stems.pointers()); });
    return py::make_tuple(stems.dict(got.frames), quality_name(got.quality));
  }

  DeckState state() {
    return with([](const Deck& deck) { return deck.state(); });
  }

  /// Whether it is done in time.
  bool wait(std::optional<double> timeout) {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
      const DeckState state = this->state();
      if (state.error) throw Error(*state.error, state.message);
      if (state.stage == DeckStage::done) return true;
      const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
      if (timeout && waited.count() >= *timeout) return false;
      {
        const Released release;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
  }

 private:
  PyDeck(DeckPool pool, const TrackArgument& track, std::optional<std::size_t> frames, const DeckOptions& options)
      : info_(pool.model().info()) {
    Read read;
    if (PyCallable_Check(track.ptr()) != 0) {
      if (!frames) throw py::value_error("a track that is read by a function needs its length, frames");
      read = python_reader(py::reinterpret_borrow<py::function>(track), info_);
    } else {
      samples_ = checked_track(py::reinterpret_borrow<MixArgument>(track), info_);
      if (frames) throw py::value_error("frames is for a track that is read by a function");
      frames = static_cast<std::size_t>(samples_.shape(1));
      read = [rows = row_pointers(samples_.data(), samples_)](std::size_t first, std::size_t count, float* const* out) {
        for (std::size_t c = 0; c < rows.size(); ++c) std::copy_n(rows[c] + first, count, out[c]);
        return count;
      };
    }
    std::unique_ptr<Deck> deck;
    {
      const Released release;
      deck = std::make_unique<Deck>(std::move(pool), std::move(read), *frames, options);
    }
    deck_ = Shared<Deck>::make("deck", std::move(deck));
  }

  ModelInfo info_;
  Array samples_;
  std::shared_ptr<Shared<Deck>> deck_;
};

}  // namespace

namespace pybind11::detail {
template <>
struct handle_type_name<TrackArgument> {
  static constexpr auto name = const_name(
      "numpy.typing.NDArray[numpy.float32] | collections.abc.Callable[[int, int], "
      "numpy.typing.NDArray[numpy.float32]]");
};
}  // namespace pybind11::detail

namespace {

void register_pool(py::module_& module) {
  py::classh<PyDeckPool>(
      module, "DeckPool",
      "The threads that separate for any number of decks. The decks share them, and so one thread budget.")
      .def(py::init([](const std::shared_ptr<Model>& model, unsigned workers,
                       const std::optional<std::shared_ptr<Model>>& provisional, bool warm, bool preempt,
                       bool low_priority) {
             DeckPoolOptions options;
             options.workers = workers;
             options.provisional = provisional.value_or(nullptr);
             options.warm = warm;
             options.preempt = preempt;
             options.low_priority = low_priority;
             return std::make_unique<PyDeckPool>(model, options);
           }),
           py::arg("model"), py::kw_only(), py::arg("workers") = 1, py::arg("provisional") = py::none(),
           py::arg("warm") = true, py::arg("preempt") = true, py::arg("low_priority") = false,
           R"(workers: threads, at most the `max_concurrent_runs` that the models were loaded with.
provisional: the same weights with a shorter segment (demucs-export --segment), for stems sooner.
warm: run both models once on silence when there is nothing else to do, because a first run is slower.
preempt: interrupt a run that can wait, for a deck that would run dry before the run ends.
low_priority: the workers use only the time that other threads leave.

Raises ValueError for models or numbers that do not fit.)")
      .def_property_readonly(
          "warm", [](const PyDeckPool& self) { return self.warm(); }, "Whether the models have been run once.")
      .def_property_readonly(
          "preempted", [](const PyDeckPool& self) { return self.preempted(); }, "Runs interrupted so far.")
      .def("close", &PyDeckPool::close, "Releases the threads; they end with the last deck.");
}

void register_state(py::module_& module) {
  py::classh<DeckState>(module, "DeckState", "What a deck is doing.")
      .def_property_readonly(
          "stage", [](const DeckState& self) { return stage_name(self.stage); },
          "'measuring', 'separating', 'done' (all that fits the cache is final) or 'failed'.")
      .def_readonly("fraction", &DeckState::fraction, "The share of the track that is final, 0 to 1.")
      .def_readonly("ready_frames", &DeckState::ready_frames,
                    "Frames that can be read without a gap, from the playhead on.")
      .def_readonly("final_frames", &DeckState::final_frames, "The same, counting final stems only.")
      .def_readonly("cached_bytes", &DeckState::cached_bytes)
      .def_readonly("spilled_bytes", &DeckState::spilled_bytes)
      .def_readonly("segments", &DeckState::segments, "Segments that the model has computed so far.")
      .def_readonly("provisional", &DeckState::provisional, "Windows that the provisional model has computed so far.")
      .def_property_readonly(
          "error",
          [](const DeckState& self) -> std::optional<std::string> {
            if (!self.error) return std::nullopt;
            return status_name(*self.error);
          },
          "Why the deck failed, e.g. 'bad_audio'; None: it has not.")
      .def_readonly("message", &DeckState::message, "One sentence about the error, or empty.");
}

void register_deck_class(py::module_& module) {
  py::classh<PyDeck>(module, "Deck",
                     "A deck: the stems of a loaded track, separated around the playhead first and then everywhere.")
      .def(
          py::init(
              [](const PyDeckPool& pool, const TrackArgument& track, std::optional<std::size_t> frames, double overlap,
                 unsigned shifts, std::uint32_t seed, const std::vector<std::size_t>& shift_offsets,
                 const std::optional<std::vector<std::string>>& stems, const std::optional<std::string>& two_stems,
                 const std::string& other_method, const std::optional<std::string>& residual_to, std::size_t cache_mb,
                 const std::string& storage, const std::optional<std::filesystem::path>& spill_folder,
                 std::size_t crossfade_frames, int sample_rate) {
                DeckOptions options;
                options.separator = separator_options(overlap, shifts, seed, shift_offsets, stems,
                                                      two_stems.value_or(""), other_method, residual_to.value_or(""));
                options.separator.sample_rate = sample_rate;
                options.cache_mb = cache_mb;
                options.storage = storage_named(storage);
                options.spill_folder = spill_folder.value_or(std::filesystem::path());
                options.crossfade_frames = crossfade_frames;
                return std::make_unique<PyDeck>(pool, track, frames, options);
              }),
          py::arg("pool"), py::arg("track"), py::kw_only(), py::arg("frames") = py::none(), py::arg("overlap") = 0.25,
          py::arg("shifts") = 0, py::arg("seed") = 0, py::arg("shift_offsets") = std::vector<std::size_t>{},
          py::arg("stems") = py::none(), py::arg("two_stems") = py::none(), py::arg("other_method") = "add",
          py::arg("residual_to") = py::none(), py::arg("cache_mb") = 512, py::arg("storage") = "exact",
          py::arg("spill_folder") = py::none(), py::arg("crossfade_frames") = 882, py::arg("sample_rate") = 0,
          R"(track: float32 array (channels, frames) at the deck's sample rate, which must not change; or a function that
    is given (first, frames) in any order and returns those frames, with the track's length in `frames`.
overlap, shifts, seed, shift_offsets, stems, two_stems, other_method, residual_to: as of Model.separate.
cache_mb: MiB for stems in memory; what the playhead would reach last is dropped first.
storage: "exact" (float32) or "compact" (16 bits: half the memory).
spill_folder: where to keep what does not fit, in a file that vanishes with the deck.
crossfade_frames: over which `read` goes from provisional to final stems.
sample_rate: of the track and of the stems in Hz, 8000 to 192000; 0: the model's. All frames count at this rate.

Returns at once. Raises TypeError and ValueError for unusable arguments.)")
      .def_property_readonly(
          "stems", [](PyDeck& self) { return self.with([](const Deck& deck) { return deck.stems(); }); },
          "Names, in order.")
      .def_property_readonly(
          "frames", [](PyDeck& self) { return self.with([](const Deck& deck) { return deck.frames(); }); },
          "The track's length.")
      .def(
          "set_playhead",
          [](PyDeck& self, std::size_t frame) { self.with([&](Deck& deck) { deck.set_playhead(frame); }); },
          py::arg("frame"), "Where the track plays. A frame beyond the end counts as the last one.")
      .def(
          "set_loop",
          [](PyDeck& self, std::size_t first, std::size_t end) {
            self.with([&](Deck& deck) { deck.set_loop(first, end); });
          },
          py::arg("first"), py::arg("end"), "The playhead will go back to `first` at `end`; end <= first: no loop.")
      .def(
          "set_cues",
          [](PyDeck& self, const std::vector<std::size_t>& frames) {
            self.with([&](Deck& deck) { deck.set_cues(frames); });
          },
          py::arg("frames"), "Where the playhead may jump to. Raises ValueError for a frame beyond the end.")
      .def(
          "read",
          [](PyDeck& self, std::size_t frame, std::size_t frames) {
            return py::typing::Tuple<py::typing::Dict<py::str, Array>, py::str>(self.read(frame, frames));
          },
          py::arg("frame"), py::arg("frames"),
          R"(The stems from a frame on, as far as they are ready without a gap: a dict from stem name to a float32 array
(channels, at most `frames`), and "none", "provisional" or "final". From one thread at a time.)")
      .def("state", &PyDeck::state, "What the deck is doing.")
      .def("wait", &PyDeck::wait, py::arg("timeout") = py::none(),
           "Waits until the deck is done; False after `timeout` seconds. Raises Error or ValueError if it fails.")
      .def("close", &PyDeck::close, "Interrupts what runs for the deck; the track is not read afterwards.")
      .def(
          "__enter__", [](PyDeck& self) -> PyDeck& { return self; }, py::return_value_policy::reference)
      .def(
          "__exit__", [](PyDeck& self, const py::object&, const py::object&, const py::object&) { self.close(); },
          py::arg("type"), py::arg("value"), py::arg("traceback"));
}

}  // namespace

void register_deck(py::module_& module) {
  register_pool(module);
  register_state(module);
  register_deck_class(module);
}
