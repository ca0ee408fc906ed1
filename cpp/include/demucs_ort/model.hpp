#pragma once

/// Loading a model. Example:
///
///     demucs_ort::ModelOptions options;
///     options.threads = 4;                                        // of all inferences together; 0: one per core
///     options.provider = "auto";                                  // a GPU that works here, else the processor
///     const auto model = demucs_ort::Model::load("htdemucs.onnx", options);
///     for (const auto& stem : model->info().sources) std::puts(stem.c_str());   // drums, bass, other, vocals
///     std::puts(model->provider().c_str());                                     // what computes
///     for (const auto& reason : model->rejected_providers()) std::puts(reason.c_str());

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/export.h"

namespace demucs_ort {

/// What a model file says of itself in its ONNX metadata, checked against the shapes of its tensors.
struct ModelInfo {
  std::string name;                  ///< e.g. "htdemucs"
  int sample_rate = 0;               ///< Hz
  std::size_t channels = 0;          ///< audio channels of the mix and of every stem
  std::size_t segment_frames = 0;    ///< frames the model hears at a time
  std::vector<std::string> sources;  ///< what the model separates, e.g. "drums", in the order of its output
  std::string precision;             ///< "fp32", "fp16", "fp32-gpu", "fp16-gpu" or "int8" (docs/models.md)
  bool trained = false;              ///< false: seeded weights for tests, the output is no separation
  std::string weights_sha256;        ///< 64 hexadecimal digits
  std::string demucs_version;        ///< the demucs release that the file was exported with
  std::string description;           ///< what a person should know of the model; empty: nothing special
  std::vector<std::string> members;  ///< files of a bag of models; empty for a single model
};

/// One flag for each of `ModelInfo::sources`; empty: all of them.
using SourceMask = std::vector<bool>;

/// Who goes first when several callers wait for a model: a playing deck before the analysis of a library.
enum class Priority { background = -1, normal = 0, foreground = 1 };

/// For one call of `Model::run`.
struct RunOptions {
  CancelToken cancel;                    ///< stops the call from another thread
  SourceMask wanted;                     ///< the sources that are needed; a bag computes only these
  Priority priority = Priority::normal;  ///< among the callers that wait for the model
};

/// What a model takes of memory, in bytes: with the provider cpu of this process's, with others of their device's.
struct MemoryEstimate {
  std::uint64_t loaded = 0;   ///< the weights and what belongs to them; of a bag: of all its members
  std::uint64_t per_run = 0;  ///< one inference of `max_batch` segments, while it runs and until the model goes
  std::uint64_t total = 0;    ///< the model with `max_concurrent_runs` inferences at a time
};

struct ModelOptions {
  /// What computes. "cpu" is ONNX Runtime's own code for processors. Where the ONNX Runtime library has them, there are
  /// also "cuda", "tensorrt", "directml", "coreml", "webgpu", "xnnpack", "openvino" and "openvino-bf16"
  /// (docs/embedding.md#providers). The library never switches providers on its own: if the one you ask for does not
  /// work, loading fails and says why. "auto" is the exception: it tries cuda, directml and coreml in this order and
  /// takes the first that works, otherwise cpu. Before a provider other than cpu is used, it has to reproduce a known
  /// answer that is stored in the model file.
  std::string provider = "cpu";
  /// Passed on to the provider as ONNX Runtime documents them, e.g. {{"device_id", "1"}} for cuda.
  std::map<std::string, std::string> provider_options;
  /// A shared library that adds providers to ONNX Runtime 1.23 or later, e.g. that of the Python package
  /// onnxruntime-ep-webgpu. `provider` then names one of them, in lower case and without "ExecutionProvider", or is
  /// "auto": the first of them if it works, otherwise cpu. `provider_options` may choose the device: {{"device_type",
  /// "GPU"}}, "GPU.1" (the second), "NPU" or "CPU"; otherwise it is the first GPU, NPU or CPU, in this order. The
  /// library stays loaded until the process ends.
  std::filesystem::path provider_library;
  /// Threads that compute, at most 1024; 0: one per core that this process may use (`Model::default_threads`).
  /// Inferences that run at a time share them. Whoever calls `run` computes too: he is one of the threads of a single
  /// inference, and each further one adds its caller.
  unsigned threads = 0;
  /// Inferences that run at a time, at most 64; further callers wait for their turn. 0 chooses: on the provider cpu one
  /// for every four threads, as many as `memory_mb` allows, on cuda two, and one on all others. Inferences side by side
  /// make more of many cores than one that uses all of them. The stems are the same to the bit.
  unsigned max_concurrent_runs = 0;
  /// Segments that one inference computes, at most 64; fewer are filled up with silence. 0 chooses: 2 on the provider
  /// cuda, fewer if its memory is too short for them, and 1 on all others. More than 1 is possible on cpu and cuda. For
  /// decks and streams, which compute a segment at a time, 1 is the fastest.
  unsigned max_batch = 0;
  /// The memory in MiB that may be chosen for inferences at a time, besides the loaded model (htdemucs: 210 each). 0: a
  /// quarter of what this process may have. What you set yourself is not limited by it.
  std::size_t memory_mb = 0;
  /// Lets the threads that ONNX Runtime starts use only the time that other threads leave. The thread that calls `run`
  /// computes too, at its own priority.
  bool low_priority = false;
  /// The ONNX Runtime shared library to load (1.21 or later). The library looks in this order: the environment variable
  /// DEMUCS_ORT_ONNXRUNTIME, this field, the path set at build time, the system's loader. All models of a process use
  /// one library: the first load decides. The host may use another one beside it (docs/embedding.md#onnx-runtime).
  /// Builds that link ONNX Runtime ignore this field.
  std::filesystem::path onnxruntime_library;
  /// Stops `Model::load` from another thread: it then throws `Error` cancelled and leaves nothing. ONNX Runtime before
  /// 1.22 cannot be interrupted while it loads, and not every provider while it compiles: the call then ends at the
  /// next step. Afterwards the token is not used: `prepare` and `run`, which load the members of a bag, have their own.
  CancelToken cancel;
};

/// One loaded model, or a bag of models that separates as one. It does not change after loading: share it between
/// threads, decks, streams and `Separator`s.
///
/// In a child that was forked from the process that loaded it, a model can be destroyed and asked for facts; `run` and
/// `prepare` throw runtime_failed. Load the model in the child.
class DEMUCS_ORT_EXPORT Model {
 public:
  /// Loads and checks an .onnx or .ort file, or the .json file of a bag. The members of a bag lie beside it; each is
  /// loaded when a source first needs it. Blocks, about half a second for htdemucs.
  /// Throws `Error`: bad_model, invalid_argument (an option), runtime_missing, runtime_failed (the provider),
  /// cancelled. Thread: any.
  static std::shared_ptr<const Model> load(const std::filesystem::path& file, const ModelOptions& options = {});

  /// The same from `size` bytes in memory. They may be freed after the call.
  /// Thread: any.
  static std::shared_ptr<const Model> load(const void* data, std::size_t size, const ModelOptions& options = {});

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model();

  /// The providers of `ModelOptions::provider_library` and of the ONNX Runtime library, by the names that
  /// `ModelOptions::provider` takes. Of `options` only the two libraries are used. Throws `Error` runtime_missing.
  /// Thread: any.
  static std::vector<std::string> available_providers(const ModelOptions& options = {});
  /// The threads that `ModelOptions::threads` 0 stands for: one for each core that this process may use. That is
  /// physical cores, those of its affinity mask, and no more than its control group's quota pays for (Linux). At least
  /// 1.
  /// Thread: any.
  static unsigned default_threads() noexcept;

  /// What the file says of itself.
  /// Thread: any; real-time safe.
  const ModelInfo& info() const noexcept;
  /// The provider that computes. If a bag has not loaded a member yet, this is the provider you asked for.
  /// Thread: any.
  std::string provider() const;
  /// With "auto": the providers that were tried before the one that computes and why each was rejected, one sentence
  /// each. Empty otherwise.
  /// Thread: any.
  std::vector<std::string> rejected_providers() const;
  /// Inferences that run at a time: what `ModelOptions::max_concurrent_runs` asked for, or what was chosen.
  /// Thread: any; real-time safe.
  unsigned max_concurrent_runs() const noexcept;
  /// Segments that one inference computes at most: what `ModelOptions::max_batch` asked for, or what was chosen. It
  /// becomes less when the memory of a GPU turns out to be too short. If a bag has not loaded a member yet, this is 1.
  /// Thread: any; real-time safe.
  unsigned max_batch() const noexcept;
  /// Threads that all inferences share, as `ModelOptions::threads`.
  /// Thread: any; real-time safe.
  unsigned threads() const noexcept;
  /// What the model takes of memory with its options, so that a host can tell how many models, or runs at a time, it
  /// can afford. It follows from the shapes in the file and is within a quarter of what the provider cpu takes for
  /// HTDemucs (docs/embedding.md#memory); others may take more. Not in it: ONNX Runtime itself (about 40 MB), a
  /// separator's, a deck's or a stream's buffers, and what loading takes for a moment, which is up to the size of the
  /// weights again. Thread: any; real-time safe.
  MemoryEstimate memory_estimate() const noexcept;
  /// The version of the ONNX Runtime library in use, e.g. "1.31.1".
  /// Thread: any; real-time safe.
  const std::string& runtime_version() const noexcept;

  /// Loads the members of a bag that the wanted sources need, which otherwise the first `run` does. A single model has
  /// nothing left to load. Blocks; `cancel` stops it. Throws `Error`: bad_model, invalid_argument (mask),
  /// runtime_missing, runtime_failed, cancelled.
  /// Thread: any.
  void prepare(const SourceMask& wanted = {}, const CancelToken& cancel = {}) const;

  /// One inference, without normalisation and overlap-add; most callers want `Separator`.
  /// `mix` is [batch][channels][segment_frames] and `stems` [batch][sources][channels][segment_frames], both contiguous
  /// float32. A batch of more than `max_batch` segments is computed in several inferences. A bag runs only the members
  /// that the wanted sources need; the other sources are then undefined.
  /// At most `max_concurrent_runs` callers compute at a time. The others sleep until it is their turn: foreground
  /// callers go first, callers of the same priority in the order in which they came. Blocks.
  /// Throws `Error`: invalid_argument (batch 0, mask), runtime_failed, cancelled.
  /// Thread: any.
  void run(const float* mix, std::size_t batch, float* stems, const RunOptions& options = {}) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
