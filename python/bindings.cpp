// The Python door of the library: checks and converts arguments, lets other Python threads run, calls the core.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bindings_support.hpp"
#include "common/exit_error.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

#ifdef __GLIBC__
#include <stdlib.h>
#include <unistd.h>
#endif

using namespace demucs_ort;

namespace {

using ModelPtr = std::shared_ptr<const Model>;

/// The ONNX Runtime library that the Python package found; the environment variable still wins over it.
std::filesystem::path& default_library() {
  static std::filesystem::path path;
  return path;
}

PYBIND11_CONSTINIT py::gil_safe_call_once_and_store<py::object> error_class;

void set_value_error(const char* sentence) { PyErr_SetObject(PyExc_ValueError, readable(sentence).ptr()); }

void set_error(const char* sentence, const char* status) {
  const py::object& type = error_class.get_stored();
  const py::object instance = type(readable(sentence));
  instance.attr("status") = status;
  PyErr_SetObject(type.ptr(), instance.ptr());
}

void register_error(py::module_& module) {
  error_class.call_once_and_store_result([&] {
    py::exception<Error> created(module, "Error", PyExc_RuntimeError);
    created.doc() =
        "What the library raises by itself, besides ValueError and TypeError for unusable arguments.\n\n"
        "`status` tells the kind: 'bad_model', 'runtime_missing', 'runtime_failed', 'output_failed'.";
    created.attr("status") = "runtime_failed";
    return py::object(created);
  });
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& failure) {
      if (failure.status() == Status::invalid_argument || failure.status() == Status::bad_audio) {
        set_value_error(failure.what());
        return;
      }
      set_error(failure.what(), status_name(failure.status()));
    } catch (const ExitError& failure) {
      if (failure.code() == exit_usage || failure.code() == exit_input) {
        set_value_error(failure.what());
      } else {
        set_error(failure.what(), "output_failed");
      }
    }
  });
}

py::dict separate(const ModelPtr& model, const MixArgument& mix_argument, int sample_rate, double overlap,
                  unsigned shifts, std::uint32_t seed, const std::vector<std::size_t>& shift_offsets,
                  const std::optional<std::vector<std::string>>& stems, const std::string& two_stems,
                  const std::string& other_method, const std::string& residual_to, const std::string& priority,
                  const py::object& progress) {
  const ModelInfo& info = model->info();
  const Array mix = checked_track(mix_argument, info);
  SeparatorOptions options =
      separator_options(overlap, shifts, seed, shift_offsets, stems, two_stems, other_method, residual_to);
  options.priority = priority_named(priority);
  options.sample_rate = sample_rate;
  Separator separator(model, options);

  const std::vector<const float*> mix_rows = row_pointers(mix.data(), mix);
  const auto frames = static_cast<std::size_t>(mix.shape(1));
  const StemArrays stem_arrays(separator.stems(), info.channels, frames);
  run_watched(progress, [&](const OnProgress& on_progress, const CancelToken& cancel) {
    separator.separate(mix_rows.data(), frames, stem_arrays.pointers(), on_progress, cancel);
  });
  return stem_arrays.dict();
}

Array run(const ModelPtr& model, const MixArgument& mix_argument) {
  const ModelInfo& info = model->info();
  const std::string wanted =
      "of shape (batch, " + std::to_string(info.channels) + ", " + std::to_string(info.segment_frames) + ")";
  const auto mix = py::array_t<float, py::array::c_style>(checked_mix(mix_argument, 3, wanted));
  if (static_cast<std::size_t>(mix.shape(1)) != info.channels ||
      static_cast<std::size_t>(mix.shape(2)) != info.segment_frames) {
    throw py::value_error("mix must be " + wanted + ", not " + shape_text(mix));
  }
  Array stems({mix.shape(0), static_cast<py::ssize_t>(info.sources.size()), mix.shape(1), mix.shape(2)});
  const float* in = mix.data();
  float* out = stems.mutable_data();
  const auto batch = static_cast<std::size_t>(mix.shape(0));
  run_watched(py::none(), [&](const OnProgress&, const CancelToken& cancel) {
    model->run(in, batch, out, {cancel, {}, Priority::normal});
  });
  return stems;
}

using ProviderOptions = std::map<std::string, std::string>;

ModelOptions model_options(const std::string& provider, const std::optional<ProviderOptions>& provider_options,
                           const std::optional<std::filesystem::path>& provider_library, unsigned threads,
                           unsigned max_concurrent_runs, unsigned max_batch, std::size_t memory_mb, bool low_priority) {
  ModelOptions options;
  options.provider = provider;
  options.provider_options = provider_options.value_or(ProviderOptions{});
  options.provider_library = provider_library.value_or(std::filesystem::path{});
  options.threads = threads;
  options.max_concurrent_runs = max_concurrent_runs;
  options.max_batch = max_batch;
  options.memory_mb = memory_mb;
  options.low_priority = low_priority;
  options.onnxruntime_library = default_library();
  return options;
}

std::atomic<bool> onnxruntime_is_used{false};

/// In a child that Python has forked. When it exits, ONNX Runtime would wait for its threads, which only the parent
/// has: the child then ends like one of multiprocessing, without what C and C++ code does at the exit.
void leave_onnxruntime_alone() {
#ifdef __GLIBC__
  if (!onnxruntime_is_used) return;
  on_exit(
      [](int status, void*) {
        std::fflush(nullptr);
        _exit(status);
      },
      nullptr);
#endif
}

/// What `call` returns, which needs ONNX Runtime. Where there is none, the error says what to install.
template <typename Call>
auto with_onnxruntime(Call call) {
  onnxruntime_is_used = true;
  try {
    return call();
  } catch (const Error& failure) {
    if (failure.status() != Status::runtime_missing || !default_library().empty()) throw;
    throw Error(Status::runtime_missing, std::string("no Python package with ONNX Runtime is installed (pip install "
                                                     "\"demucs-ort[cpu]\", or [gpu] or [openvino]), and ") +
                                             failure.what());
  }
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled part of demucs_native; use the package instead.";
  module.attr("__version__") = DEMUCS_NATIVE_VERSION;
  register_error(module);
  module.def(
      "_set_default_library", [](const std::filesystem::path& path) { default_library() = path; }, py::arg("path"));

  module.def(
      "providers",
      [](const std::optional<std::filesystem::path>& provider_library) {
        const ModelOptions options = model_options("cpu", std::nullopt, provider_library, 0, 0, 0, 0, false);
        return with_onnxruntime([&] { return Model::available_providers(options); });
      },
      py::kw_only(), py::arg("provider_library") = py::none(),
      "The providers that the ONNX Runtime library and `provider_library` offer, as `Model` takes them. Raises Error.");

  py::classh<Model>(module, "Model",
                    "An HTDemucs model exported by demucs-export. Immutable; threads may share it.\n\n"
                    "Raises Error if the file or ONNX Runtime is unusable.")
      .def(py::init([](const py::bytes& data, const std::string& provider, unsigned threads,
                       const std::optional<ProviderOptions>& provider_options, unsigned max_concurrent_runs,
                       unsigned max_batch, std::size_t memory_mb, bool low_priority,
                       const std::optional<std::filesystem::path>& provider_library) {
             const auto view = static_cast<std::string_view>(data);
             const Released release;
             const ModelOptions options = model_options(provider, provider_options, provider_library, threads,
                                                        max_concurrent_runs, max_batch, memory_mb, low_priority);
             return std::const_pointer_cast<Model>(
                 with_onnxruntime([&] { return Model::load(view.data(), view.size(), options); }));
           }),
           py::arg("data"), py::kw_only(), py::arg("provider") = "cpu", py::arg("threads") = 0,
           py::arg("provider_options") = py::none(), py::arg("max_concurrent_runs") = 0, py::arg("max_batch") = 0,
           py::arg("memory_mb") = 0, py::arg("low_priority") = false, py::arg("provider_library") = py::none(),
           "Loads a model from the bytes of an .onnx or .ort file. Bytes are never taken for a path.")
      .def(py::init([](const std::filesystem::path& path, const std::string& provider, unsigned threads,
                       const std::optional<ProviderOptions>& provider_options, unsigned max_concurrent_runs,
                       unsigned max_batch, std::size_t memory_mb, bool low_priority,
                       const std::optional<std::filesystem::path>& provider_library) {
             const Released release;
             const ModelOptions options = model_options(provider, provider_options, provider_library, threads,
                                                        max_concurrent_runs, max_batch, memory_mb, low_priority);
             return std::const_pointer_cast<Model>(with_onnxruntime([&] { return Model::load(path, options); }));
           }),
           py::arg("path"), py::kw_only(), py::arg("provider") = "cpu", py::arg("threads") = 0,
           py::arg("provider_options") = py::none(), py::arg("max_concurrent_runs") = 0, py::arg("max_batch") = 0,
           py::arg("memory_mb") = 0, py::arg("low_priority") = false, py::arg("provider_library") = py::none(),
           R"(Loads an .onnx or .ort file, or the .json file of a bag of models.

threads: threads that compute, of all inferences together; 0: one per physical core that this process may use
    (its affinity mask and, on Linux, the quota of its control group).
provider: what computes: "cpu", another one of providers(), or "auto" for the first GPU provider that works, else
    "cpu". If the provider you name is missing, fails or computes nonsense, Error is raised: the library never
    switches to another one on its own.
provider_options: options of the provider, as ONNX Runtime documents them.
max_concurrent_runs: inferences that run at a time, at most 64; further callers wait. 0 chooses: on "cpu" one for every
    four threads, as many as memory_mb allows, on "cuda" two, and one on other providers. The stems are the same to
    the bit.
max_batch: segments that one inference computes, at most 64; fewer are filled up with silence. 0 chooses: 2 on "cuda",
    fewer if its memory is too short, and 1 on other providers. More than 1 is possible on "cpu" and "cuda". For decks
    and streams, which compute a segment at a time, 1 is the fastest.
memory_mb: MiB that may be chosen for inferences at a time, besides the loaded model (htdemucs: 210 each); 0: a quarter
    of what this process may have.
low_priority: ONNX Runtime's threads use only the time that other programs leave.
provider_library: the file of a library that adds providers to ONNX Runtime 1.23 or later; `provider` then names one of
    them, or is "auto".)")
      .def(
          "separate",
          [](const std::shared_ptr<Model>& self, const MixArgument& mix, int sample_rate, double overlap,
             unsigned shifts, std::uint32_t seed, const std::vector<std::size_t>& shift_offsets,
             const std::optional<std::vector<std::string>>& stems, const std::optional<std::string>& two_stems,
             const std::string& other_method, const std::optional<std::string>& residual_to,
             const std::string& priority, const std::optional<py::typing::Callable<void(double)>>& progress) {
            return py::typing::Dict<py::str, Array>(separate(
                self, mix, sample_rate, overlap, shifts, seed, shift_offsets, stems, two_stems.value_or(""),
                other_method, residual_to.value_or(""), priority, progress ? py::object(*progress) : py::none()));
          },
          py::arg("mix"), py::arg("sample_rate") = 44100, py::arg("overlap") = 0.25, py::arg("shifts") = 0,
          py::kw_only(), py::arg("seed") = 0, py::arg("shift_offsets") = std::vector<std::size_t>{},
          py::arg("stems") = py::none(), py::arg("two_stems") = py::none(), py::arg("other_method") = "add",
          py::arg("residual_to") = py::none(), py::arg("priority") = "normal", py::arg("progress") = py::none(),
          R"(Separates a whole track, with the arithmetic of demucs.api.Separator.separate_tensor.

mix: float32 array (channels, frames), full scale 1.0.
sample_rate: of the mix and of the stems in Hz, 8000 to 192000; another than the model's needs a build with a resampler.
overlap: the share of a segment that the next one covers again, 0 to below 1.
shifts, seed: the stems are the mean of that many passes, shifted by
    numpy.random.RandomState(seed).randint(0, sample_rate // 2 + 1, shifts) frames; 0: one unshifted pass.
shift_offsets: demucs' offsets themselves, instead of shifts and seed.
stems: names of the stems to return; default: all. two_stems: one name; returns that stem and 'no_<name>'.
other_method: 'no_<name>' is the sum of the other stems ("add") or the mix minus the stem ("minus").
residual_to: one name; that stem becomes the mix minus all others, so that the stems add up to the mix. The mix's
    mean is then in that stem alone; otherwise it is in every stem, as in demucs.
priority: where several callers wait for the model, "foreground" goes before "normal", "normal" before "background".
progress: called with the finished fraction, 0 to 1; an exception that it raises stops the separation at once.

Returns a dict from stem name to a float32 array of mix's shape. Other threads run meanwhile; Ctrl-C stops the call.
Raises TypeError and ValueError for unusable arguments or samples that are not finite, Error otherwise.)")
      .def(
          "run", [](const std::shared_ptr<Model>& self, const MixArgument& mix) { return run(self, mix); },
          py::arg("mix"),
          "Runs the model on segments: float32 (batch, channels, segment_frames) to (batch, stems, channels, "
          "segment_frames).")
      .def_property_readonly("name", [](const Model& self) { return self.info().name; })
      .def_property_readonly("sources", [](const Model& self) { return self.info().sources; })
      .def_property_readonly("sample_rate", [](const Model& self) { return self.info().sample_rate; })
      .def_property_readonly("channels", [](const Model& self) { return self.info().channels; })
      .def_property_readonly("segment_frames", [](const Model& self) { return self.info().segment_frames; })
      .def_property_readonly("precision", [](const Model& self) { return self.info().precision; })
      .def_property_readonly("trained", [](const Model& self) { return self.info().trained; })
      .def_property_readonly("weights_sha256", [](const Model& self) { return self.info().weights_sha256; })
      .def_property_readonly("demucs_version", [](const Model& self) { return self.info().demucs_version; })
      .def_property_readonly("description", [](const Model& self) { return self.info().description; })
      .def_property_readonly("members", [](const Model& self) { return self.info().members; })
      .def_property_readonly("provider", [](const Model& self) { return self.provider(); })
      .def_property_readonly("threads", &Model::threads)
      .def_property_readonly("max_concurrent_runs", &Model::max_concurrent_runs)
      .def_property_readonly("max_batch", &Model::max_batch)
      .def_property_readonly(
          "rejected_providers", [](const Model& self) { return self.rejected_providers(); },
          "What 'auto' tried before `provider`, and why it does not compute.")
      .def_property_readonly("onnxruntime_version", [](const Model& self) { return self.runtime_version(); });
  register_deck(module);
  register_stream(module);
  register_files(module);
  py::module_::import("atexit").attr("register")(py::cpp_function(&Closable::close_all));
  const auto os = py::module_::import("os");
  if (py::hasattr(os, "register_at_fork")) {
    os.attr("register_at_fork")(py::arg("after_in_child") = py::cpp_function(&leave_onnxruntime_alone));
  }
}
