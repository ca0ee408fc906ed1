#pragma once

#include <cstddef>
#include <filesystem>
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

struct ModelOptions {
  /// What computes: "cpu", ONNX Runtime's own; "openvino" and "openvino-bf16", Intel's library on the same cores, where
  /// the ONNX Runtime library has it. bf16: half the precision for a large gain in speed (docs/performance.md); on
  /// processors without bfloat16 arithmetic OpenVINO computes in float32 all the same.
  std::string provider = "cpu";
  /// Threads used inside one inference, at most 1024; 0: one per physical core.
  unsigned threads = 0;
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

  const ModelInfo& info() const noexcept;
  /// The provider that computes, as it was asked for.
  const std::string& provider() const noexcept;
  /// Version of the ONNX Runtime library in use, e.g. "1.31.1".
  const std::string& runtime_version() const noexcept;

  /// Loads the members of a bag that the wanted sources need; else the first `run` does. Nothing to do for a model of
  /// one file. Thread-safe; blocks. Throws `Error`: bad_model, invalid_argument (mask, provider), runtime_missing.
  void prepare(const SourceMask& wanted = {}) const;

  /// One raw inference, without normalisation or overlap-add; most callers want `Separator`.
  /// `mix` is [batch][channels][segment_frames], `stems` [batch][sources][channels][segment_frames], both contiguous.
  /// Of a bag only those members run that the wanted sources need; sources that are not wanted are then undefined.
  /// Thread-safe; blocks; throws `Error`: invalid_argument (batch 0, mask), runtime_failed, cancelled.
  void run(const float* mix, std::size_t batch, float* stems, const CancelToken& cancel = {},
           const SourceMask& wanted = {}) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
