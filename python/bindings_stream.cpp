#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings_support.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"

using namespace demucs_ort;

namespace {

/// A Stream that Python threads may call in any way: one at a time has it.
class LiveStream {
 public:
  LiveStream(const std::shared_ptr<Model>& model, const StreamOptions& options) {
    std::unique_ptr<Stream> stream;
    {
      const Released release;
      stream = std::make_unique<Stream>(model, options);
    }
    stream_ = Shared<Stream>::make("stream", std::move(stream));
  }
  LiveStream(const LiveStream&) = delete;
  LiveStream& operator=(const LiveStream&) = delete;
  ~LiveStream() { close(); }

  void close() {
    if (stream_) stream_->close();
  }

  py::dict process(const MixArgument& mix) {
    return go_through(mix, [](Stream& stream, const float* const* in, float* const* const* out, std::size_t frames) {
      stream.process(in, out, frames);
    });
  }

  py::dict render(const MixArgument& mix) {
    return go_through(mix, [](Stream& stream, const float* const* in, float* const* const* out, std::size_t frames) {
      stream.render(in, out, frames);
    });
  }

  /// What `ask` answers, of a stream that nobody else has meanwhile.
  template <typename Ask>
  auto with(const Ask& ask) {
    return stream_->with(ask);
  }

 private:
  /// Does a block in short parts, so that Ctrl-C is noticed in between.
  template <typename Part>
  py::dict go_through(const MixArgument& mix_argument, const Part& part) {
    const auto [info, names] = with([](Stream& stream) { return std::pair(stream.model().info(), stream.stems()); });
    const Array mix = checked_track(mix_argument, info);
    const auto frames = static_cast<std::size_t>(mix.shape(1));
    const StemArrays stems(names, info.channels, frames);
    std::vector<const float*> in = row_pointers(mix.data(), mix);
    std::vector<std::vector<float*>> rows;
    for (std::size_t s = 0; s < names.size(); ++s) {
      rows.emplace_back(stems.pointers()[s], stems.pointers()[s] + info.channels);
    }
    std::vector<float* const*> out;
    for (const auto& stem : rows) out.push_back(stem.data());
    constexpr std::size_t longest = 4096;
    for (std::size_t at = 0; at < frames; at += longest) {
      const std::size_t count = std::min(longest, frames - at);
      with([&](Stream& stream) { part(stream, in.data(), out.data(), count); });
      for (const float*& channel : in) channel += count;
      for (auto& stem : rows) {
        for (float*& channel : stem) channel += count;
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
    return stems.dict();
  }

  std::shared_ptr<Shared<Stream>> stream_;
};

/// Keyword arguments of Stream's constructor.
class OptionsDict : public py::dict {
 public:
  using py::dict::dict;
};

Underrun underrun_named(const std::string& name) {
  if (name == "silence") return Underrun::silence;
  if (name == "mix") return Underrun::mix;
  throw py::value_error("underrun is '" + name + "'; choose 'silence' or 'mix'");
}

const StreamOptions defaults;

}  // namespace

namespace pybind11::detail {
template <>
struct handle_type_name<OptionsDict> {
  static constexpr auto name = const_name("dict[str, typing.Any]");
};
}  // namespace pybind11::detail

void register_stream(py::module_& module) {
  py::classh<LiveStream>(module, "Stream",
                         "Separates audio as it arrives, on a thread of its own.\n\n"
                         "Stems come `latency_frames` after the mix, always. What is not ready in time is replaced and "
                         "counted in `underruns`.")
      .def(
          py::init([](const std::shared_ptr<Model>& model, double hop, double lookahead, double crossfade,
                      double compute_time, const std::string& underrun,
                      const std::optional<std::vector<std::string>>& stems, const std::optional<std::string>& two_stems,
                      const std::string& other_method, const std::optional<std::string>& residual_to,
                      const std::string& priority, int sample_rate) {
            const SeparatorOptions choice =
                separator_options(0, 0, 0, {}, stems, two_stems.value_or(""), other_method, residual_to.value_or(""));
            return std::make_unique<LiveStream>(
                model, StreamOptions{hop, lookahead, crossfade, compute_time, underrun_named(underrun), choice.stems,
                                     choice.two_stems, choice.other_method, choice.residual_to,
                                     priority_named(priority), sample_rate});
          }),
          py::arg("model"), py::kw_only(), py::arg("hop") = defaults.hop, py::arg("lookahead") = defaults.lookahead,
          py::arg("crossfade") = defaults.crossfade, py::arg("compute_time") = defaults.compute_time,
          py::arg("underrun") = "silence", py::arg("stems") = py::none(), py::arg("two_stems") = py::none(),
          py::arg("other_method") = "add", py::arg("residual_to") = py::none(), py::arg("priority") = "foreground",
          py::arg("sample_rate") = 0,
          R"(Starts the stream's thread and runs the model once. Times are in seconds; the latency is the sum of the first four.

hop: the model runs once every `hop`, on its newest segment of audio.
lookahead: how far the model hears beyond the newest audio that it delivers stems of.
crossfade: the time in which each run's stems fade in while those of the run before fade out, at most `hop`.
compute_time: time for computing: that of a run, plus one block, plus some milliseconds.
underrun: what replaces stems that are late: "silence", or the "mix", shared equally between the stems.
stems, two_stems, other_method, residual_to, priority: as of Model.separate.
sample_rate: of the mix and of the stems in Hz, 8000 to 192000; 0: the model's. Another than that makes the latency some
    milliseconds longer.

Raises ValueError for unusable arguments, also if hop, crossfade and lookahead exceed the model's segment.)")
      .def(
          "process",
          [](LiveStream& self, const MixArgument& mix) { return py::typing::Dict<py::str, Array>(self.process(mix)); },
          py::arg("mix"),
          R"(Takes the next frames of the mix, a float32 array (channels, frames) at the stream's sample rate, and returns as
many of the stems: a dict from stem name to a float32 array of mix's shape, zeros for the first `latency_frames`.

Never waits for the model: for audio that comes at the pace it plays.)")
      .def(
          "render",
          [](LiveStream& self, const MixArgument& mix) { return py::typing::Dict<py::str, Array>(self.render(mix)); },
          py::arg("mix"),
          "The same, but waits for stems that are not ready, at any pace. Raises Error if the model failed.")
      .def(
          "reset", [](LiveStream& self) { self.with([](Stream& stream) { stream.reset(); }); },
          "Forgets all that was heard: the next frame is the stream's first.")
      .def_property_readonly(
          "latency_frames", [](LiveStream& self) { return self.with([](Stream& s) { return s.latency_frames(); }); },
          "Frames by which stems are later than the mix.")
      .def_property_readonly(
          "underruns", [](LiveStream& self) { return self.with([](Stream& s) { return s.underruns(); }); },
          "Hops whose stems were replaced.")
      .def_property_readonly(
          "load", [](LiveStream& self) { return self.with([](Stream& s) { return s.load(); }); },
          "The share of the time that computing takes: the mean of the last eight windows, divided by `hop`. More "
          "than 1: this\nmachine cannot keep up. 0 before the first window.")
      .def_property_readonly(
          "failure", [](LiveStream& self) { return self.with([](Stream& s) { return s.failure(); }); },
          "Why the last run of the model that failed did so; empty: none did.")
      .def_property_readonly(
          "stems", [](LiveStream& self) { return self.with([](Stream& s) { return s.stems(); }); }, "Names, in order.")
      .def("close", &LiveStream::close, "Ends the stream's thread, and what it computes.")
      .def(
          "__enter__", [](LiveStream& self) -> LiveStream& { return self; }, py::return_value_policy::reference)
      .def(
          "__exit__", [](LiveStream& self, const py::object&, const py::object&, const py::object&) { self.close(); },
          py::arg("type"), py::arg("value"), py::arg("traceback"))
      .def_static(
          "latency_of",
          [](double hop, double lookahead, double crossfade, double compute_time, int sample_rate,
             int model_sample_rate) {
            StreamOptions options;
            options.hop = hop;
            options.lookahead = lookahead;
            options.crossfade = crossfade;
            options.compute_time = compute_time;
            options.sample_rate = sample_rate;
            return Stream::latency_of(options, model_sample_rate);
          },
          py::kw_only(), py::arg("hop") = defaults.hop, py::arg("lookahead") = defaults.lookahead,
          py::arg("crossfade") = defaults.crossfade, py::arg("compute_time") = defaults.compute_time,
          py::arg("sample_rate") = 0, py::arg("model_sample_rate") = 44'100,
          R"(`latency_frames` of a stream with these arguments, before there is a model. `model_sample_rate` is that of the one to
come, 8000 to 768000 Hz.

Raises ValueError for times and rates out of range.)")
      .def_static(
          "recommend",
          [](const std::shared_ptr<Model>& model, double load, double lookahead, double crossfade, int sample_rate) {
            StreamOptions options;
            options.lookahead = lookahead;
            options.crossfade = crossfade;
            options.sample_rate = sample_rate;
            {
              const Released release;
              options = Stream::recommend(model, options, load);
            }
            OptionsDict found;
            found["hop"] = options.hop;
            found["lookahead"] = options.lookahead;
            found["crossfade"] = options.crossfade;
            found["compute_time"] = options.compute_time;
            found["sample_rate"] = options.sample_rate;
            return found;
          },
          py::arg("model"), py::kw_only(), py::arg("load") = 0.75, py::arg("lookahead") = defaults.lookahead,
          py::arg("crossfade") = defaults.crossfade, py::arg("sample_rate") = 0,
          R"(Measures the model on this machine and returns the arguments for Stream: the smallest hop at which computing takes
no more than `load` of the time, and the compute_time of the slowest run. Blocks for about eight runs of the model.

Raises Error if that hop is too long for the model's segment.)");
}
