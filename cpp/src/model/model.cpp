#include "demucs_ort/model.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "demucs_ort/error.hpp"
#include "model/bag.hpp"
#include "model/model_session.hpp"
#include "model/run_queue.hpp"

namespace demucs_ort {
namespace {

constexpr unsigned max_threads = 1024;  // ONNX Runtime takes a signed number and starts them all
constexpr unsigned max_runs_limit = 64;

void check(const ModelOptions& options) {
  if (options.threads > max_threads) {
    throw Error(Status::invalid_argument, "at most " + std::to_string(max_threads) + " threads are supported");
  }
  if (options.max_concurrent_runs < 1 || options.max_concurrent_runs > max_runs_limit) {
    throw Error(Status::invalid_argument, "max_concurrent_runs must be 1 to " + std::to_string(max_runs_limit));
  }
}

}  // namespace

/// A single model is the one member of a bag of its own.
struct Model::Impl {
  Bag bag;
  ModelOptions options;
  std::string runtime_version;
  RunQueue queue;
  mutable std::mutex loading;                                 // guards all below
  std::vector<std::unique_ptr<const ModelSession>> sessions;  // a member's, once it was needed
  std::string provider;                                       // that of the first, and then of all
  std::vector<std::string> rejected_providers;

  explicit Impl(std::unique_ptr<const ModelSession> single, ModelOptions options_in)
      : options(std::move(options_in)),
        queue(options.max_concurrent_runs),
        provider(single->provider()),
        rejected_providers(single->rejected_providers()) {
    bag.info = single->info();
    runtime_version = single->runtime_version();
    bag.members.push_back({{}, bag.info.weights_sha256, std::vector<float>(bag.info.sources.size(), 1.0F)});
    sessions.push_back(std::move(single));
  }

  Impl(Bag bag_in, ModelOptions options_in)
      : bag(std::move(bag_in)),
        options(std::move(options_in)),
        runtime_version(ModelSession::connect(options)),
        queue(options.max_concurrent_runs),
        sessions(bag.members.size()),
        provider(options.provider) {}

  const ModelSession& session(std::size_t index) {
    const std::lock_guard lock(loading);
    auto& place = sessions[index];
    if (!place) {
      auto chosen = options;
      chosen.provider = provider;
      auto opened = std::make_unique<const ModelSession>(bag.members[index].file, chosen, bag.members.size() > 1);
      check_member(bag, bag.members[index], opened->info());
      if (provider != opened->provider()) {
        provider = opened->provider();
        rejected_providers = opened->rejected_providers();
      }
      place = std::move(opened);
    }
    return *place;
  }

  /// Whether any of the wanted sources depends on the member.
  bool needs(std::size_t index, const SourceMask& wanted) const {
    const auto& shares = bag.members[index].shares;
    for (std::size_t s = 0; s < shares.size(); ++s) {
      if (shares[s] != 0.0F && (wanted.empty() || wanted[s])) return true;
    }
    return false;
  }

  void check(const SourceMask& wanted) const {
    if (!wanted.empty() && wanted.size() != bag.info.sources.size()) {
      throw Error(Status::invalid_argument, "a source mask needs one flag for each of the model's " +
                                                std::to_string(bag.info.sources.size()) + " sources");
    }
  }

  /// stems += shares of the member * what it computed.
  void add(std::size_t index, const std::vector<float>& computed, float* stems) const {
    const auto& shares = bag.members[index].shares;
    const std::size_t size = bag.info.channels * bag.info.segment_frames;
    for (std::size_t first = 0; first < computed.size(); first += size) {
      const float share = shares[first / size % shares.size()];
      if (share == 0.0F) continue;
      for (std::size_t i = first; i < first + size; ++i) stems[i] += share * computed[i];
    }
  }
};

std::shared_ptr<const Model> Model::load(const std::filesystem::path& file, const ModelOptions& options) {
  check(options);
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    throw Error(Status::bad_model, "there is no model file '" + file.string() +
                                       "'; give the path of an .onnx or .ort file made by demucs-export");
  }
  auto impl = file.extension() == ".json"
                  ? std::make_unique<Impl>(read_bag(file), options)
                  : std::make_unique<Impl>(std::make_unique<const ModelSession>(file, options), options);
  return std::shared_ptr<const Model>(new Model(std::move(impl)));
}

std::shared_ptr<const Model> Model::load(const void* data, std::size_t size, const ModelOptions& options) {
  check(options);
  if (data == nullptr || size == 0) throw Error(Status::bad_model, "the model in memory is empty");
  auto session = std::make_unique<const ModelSession>(data, size, options);
  return std::shared_ptr<const Model>(new Model(std::make_unique<Impl>(std::move(session), options)));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

const ModelInfo& Model::info() const noexcept { return impl_->bag.info; }

std::vector<std::string> Model::available_providers(const ModelOptions& options) {
  return ModelSession::available_providers(options);
}

std::string Model::provider() const {
  const std::lock_guard lock(impl_->loading);
  return impl_->provider;
}

std::vector<std::string> Model::rejected_providers() const {
  const std::lock_guard lock(impl_->loading);
  return impl_->rejected_providers;
}

unsigned Model::max_concurrent_runs() const noexcept { return impl_->options.max_concurrent_runs; }

const std::string& Model::runtime_version() const noexcept { return impl_->runtime_version; }

void Model::prepare(const SourceMask& wanted) const {
  impl_->check(wanted);
  for (std::size_t i = 0; i < impl_->bag.members.size(); ++i) {
    if (impl_->needs(i, wanted)) impl_->session(i);
  }
}

void Model::run(const float* mix, std::size_t batch, float* stems, const RunOptions& options) const {
  if (batch == 0) throw Error(Status::invalid_argument, "a batch of 0 segments cannot be run");
  const auto& info = impl_->bag.info;
  const std::size_t size = info.sources.size() * info.channels * info.segment_frames;
  if (batch > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float) / size) {
    throw Error(Status::invalid_argument, "a batch of " + std::to_string(batch) + " segments fits no memory");
  }
  impl_->check(options.wanted);
  const auto place = impl_->queue.enter(options.priority, options.cancel);
  if (impl_->bag.members.size() == 1) return impl_->session(0).run(mix, batch, stems, options.cancel);
  std::vector<float> computed(batch * size);
  std::fill_n(stems, computed.size(), 0.0F);
  for (std::size_t i = 0; i < impl_->bag.members.size(); ++i) {
    if (!impl_->needs(i, options.wanted)) continue;
    impl_->session(i).run(mix, batch, computed.data(), options.cancel);
    impl_->add(i, computed, stems);
  }
}

}  // namespace demucs_ort
