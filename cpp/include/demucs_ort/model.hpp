#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/export.h"

namespace demucs_ort {

/// What a model file says of itself (ONNX metadata), checked against the shapes of its tensors.
struct ModelInfo {
  std::string name;                  ///< e.g. "htdemucs"
  int sample_rate = 0;               ///< Hz
  std::size_t channels = 0;          ///< audio channels of the mix and of every stem
  std::size_t segment_frames = 0;    ///< frames the model hears at a time
  std::vector<std::string> sources;  ///< stem names, in output order
  std::string precision;             ///< of the weights: "fp32", "fp16" or "int8"
  bool trained = false;              ///< false: seeded weights for tests, the output is no separation
  std::string weights_sha256;        ///< 64 hexadecimal digits
  std::string demucs_version;        ///< the demucs release the file was exported from
  std::string description;           ///< what a person should know of the model; empty: nothing special
  std::vector<std::string> members;  ///< files of a bag of models, else empty
};

/// One flag for each of `ModelInfo::sources`; empty: all of them.
using SourceMask = std::vector<bool>;

/// Who goes first where several wait for a model: a playing deck before the analysis of a library.
enum class Priority { background = -1, normal = 0, foreground = 1 };

struct RunOptions {
  CancelToken cancel;
  SourceMask wanted;
  Priority priority = Priority::normal;
};

struct ModelOptions {
  /// What computes: "cpu", ONNX Runtime's own; or, where the ONNX Runtime library has it, "cuda", "tensorrt",
  /// "directml", "coreml", "webgpu", "xnnpack", "openvino" or "openvino-bf16" (docs/embedding.md#providers). Another
  /// provider than asked for never computes, but for "auto": that is the first of cuda, directml and coreml that works
  /// here, else cpu. Every one but cpu has to give a known answer first.
  std::string provider = "cpu";
  /// Passed on to the provider as ONNX Runtime documents them, e.g. {{"device_id", "1"}} for cuda.
  std::map<std::string, std::string> provider_options;
  /// Threads used inside one inference, at most 1024; 0: one per physical core.
  unsigned threads = 0;
  /// Inferences that run at a time, 1 to 64; other callers wait for their turn. With `threads` this is the thread
  /// budget of everybody who shares the model; each inference also uses the memory of one.
  unsigned max_concurrent_runs = 1;
  /// Lets the threads that ONNX Runtime starts compute only what other threads leave. A caller of `run` computes, too,
  /// at its own priority.
  bool low_priority = false;
  /// The ONNX Runtime shared library to load (1.21 or later). Empty: the environment variable
  /// DEMUCS_ORT_ONNXRUNTIME, then the path set at build time, then the system's loader. The variable wins over this
  /// field too. A process uses one library: the first load decides. Ignored by builds that link ONNX Runtime.
  std::filesystem::path onnxruntime_library;
};

/// One loaded model, or a bag of models that separates as one: immutable, safe to share between threads, decks and
/// `Separator`s.
class DEMUCS_ORT_EXPORT Model {
 public:
  /// Loads and validates an .onnx or .ort file, or the .json file of a bag, whose members lie beside it and are loaded
  /// when a source first needs them. Blocks (about half a second for htdemucs).
  /// Throws `Error`: bad_model, invalid_argument (provider, threads), runtime_missing.
  static std::shared_ptr<const Model> load(const std::filesystem::path& file, const ModelOptions& options = {});

  /// The same from memory. The bytes are copied as far as they are needed; they may be freed after the call.
  static std::shared_ptr<const Model> load(const void* data, std::size_t size, const ModelOptions& options = {});

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model();

  /// The providers of the ONNX Runtime library, by the names that `ModelOptions::provider` takes. Throws `Error`
  /// runtime_missing.
  static std::vector<std::string> available_providers(const ModelOptions& options = {});

  const ModelInfo& info() const noexcept;
  /// The provider that computes. Of a bag not yet loaded: the one asked for.
  std::string provider() const;
  /// For "auto": what was tried before it and why it does not compute, a sentence each.
  std::vector<std::string> rejected_providers() const;
  /// `ModelOptions::max_concurrent_runs`: how many inferences run at a time.
  unsigned max_concurrent_runs() const noexcept;
  /// Version of the ONNX Runtime library in use, e.g. "1.31.1".
  const std::string& runtime_version() const noexcept;

  /// Loads the members of a bag that the wanted sources need; else the first `run` does. Nothing to do for a model of
  /// one file. Thread-safe; blocks. Throws `Error`: bad_model, invalid_argument (mask, provider), runtime_missing.
  void prepare(const SourceMask& wanted = {}) const;

  /// One raw inference, without normalisation or overlap-add; most callers want `Separator`.
  /// `mix` is [batch][channels][segment_frames], `stems` [batch][sources][channels][segment_frames], both contiguous.
  /// Of a bag only those members run that the wanted sources need; sources that are not wanted are then undefined.
  /// Thread-safe: at most `ModelOptions::max_concurrent_runs` callers compute at a time, the others wait in the order
  /// of their priority and, among equals, of their coming. Blocks; throws `Error`: invalid_argument (batch 0, mask),
  /// runtime_failed, cancelled.
  void run(const float* mix, std::size_t batch, float* stems, const RunOptions& options = {}) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
