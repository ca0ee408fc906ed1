#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "model/compute_shares.hpp"
#include "model/onnxruntime.hpp"

namespace demucs_ort {

/// One model file, loaded by ONNX Runtime, which only this class, model_providers and provider_plugin know. Immutable;
/// `run` is thread-safe.
class ModelSession {
 public:
  /// `among_others`: the session is one of several that never need their working memory at the same time, and takes it
  /// from the arena of the process instead of one of its own. Throws Error as `Model::load`, cancelled by
  /// `options.cancel`.
  ModelSession(const std::filesystem::path& file, const ModelOptions& options, bool among_others = false);
  ModelSession(const void* data, std::size_t size, const ModelOptions& options);

  /// Loads ONNX Runtime itself and the caller's library of providers, unless that has been done, and returns ONNX
  /// Runtime's version. Throws Error runtime_missing.
  static std::string connect(const ModelOptions& options);
  static std::vector<std::string> available_providers(const ModelOptions& options);
  /// The provider that is tried first; after `connect`.
  static std::string first_candidate(const ModelOptions& options);

  const ModelInfo& info() const noexcept { return info_; }
  const std::string& runtime_version() const noexcept { return runtime_version_; }
  /// The provider that computes, and why others that "auto" tried first do not.
  const std::string& provider() const noexcept { return provider_; }
  const std::vector<std::string>& rejected_providers() const noexcept { return rejected_providers_; }
  /// Inferences at a time that its threads are shared out for.
  const ComputeShares& shares() const noexcept { return shares_; }
  /// As `Model::max_batch`.
  unsigned max_batch() const noexcept { return max_batch_; }

  /// As `Model::run`, for every source.
  void run(const float* mix, std::size_t batch, float* stems, const CancelToken& cancel) const;

 private:
  using Open = std::function<Ort::Session(const Ort::Env&, const Ort::SessionOptions&)>;

  /// `open` creates the session, `what` names the model in messages.
  ModelSession(const ModelOptions& options, const std::string& what, bool among_others, const Open& open);
  void load(const std::string& candidate, const ModelOptions& options, bool among_others, const Open& open);
  void run_at_once(const float* mix, std::size_t batch, float* stems, const CancelToken& cancel) const;
  void run_padded(const float* mix, std::size_t batch, std::size_t padded, float* stems,
                  const CancelToken& cancel) const;
  void test_provider(const CancelToken& cancel) const;

  std::string runtime_version_;  // first: while there is no function table, not even empty Ort objects may be destroyed
  std::string provider_;
  std::vector<std::string> rejected_providers_;
  ModelInfo info_;
  std::shared_ptr<const Ort::Env> environment_;
  mutable Ort::Session session_{nullptr};  // Session::Run is thread-safe but not const
  bool logs_ = false;                      // what ONNX Runtime says goes to the host's log
  ComputeShares shares_;
  mutable std::atomic<unsigned> max_batch_{1};  // becomes less when memory is short
  mutable std::shared_mutex alone_;             // locked by a run that memory is too short to run beside another
};

}  // namespace demucs_ort
