#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// One model file, loaded by ONNX Runtime, which only this class and model_providers know. Immutable; `run` is
/// thread-safe.
class ModelSession {
 public:
  /// `among_others`: the session is one of several that never need their working memory at the same time, and takes it
  /// from the arena of the process instead of one of its own. Throws Error as `Model::load`.
  ModelSession(const std::filesystem::path& file, const ModelOptions& options, bool among_others = false);
  ModelSession(const void* data, std::size_t size, const ModelOptions& options);
  ~ModelSession();

  /// Loads ONNX Runtime itself, if that has not been done, and returns its version. Throws Error runtime_missing.
  static std::string connect(const ModelOptions& options);
  static std::vector<std::string> available_providers(const ModelOptions& options);

  const ModelInfo& info() const noexcept;
  const std::string& runtime_version() const noexcept;
  /// The provider that computes, and why others that "auto" tried first do not.
  const std::string& provider() const noexcept;
  const std::vector<std::string>& rejected_providers() const noexcept;

  /// As `Model::run`, for every source.
  void run(const float* mix, std::size_t batch, float* stems, const CancelToken& cancel) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
