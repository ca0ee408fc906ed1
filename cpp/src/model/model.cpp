#include "demucs_ort/model.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/cancel_state.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/usable_cores.hpp"
#include "base/utf8.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "model/bag.hpp"
#include "model/compute_shares.hpp"
#include "model/model_session.hpp"
#include "model/model_weights.hpp"
#include "model/run_queue.hpp"

namespace demucs_ort {
namespace {

constexpr unsigned max_threads = 1024;  // ONNX Runtime takes a signed number and starts them all
constexpr unsigned max_runs = 64;
constexpr unsigned max_segments = 64;

void check(const ModelOptions& options) {
  if (options.threads > max_threads) {
    throw Error(Status::invalid_argument, "at most " + std::to_string(max_threads) + " threads are supported");
  }
  if (options.max_concurrent_runs > max_runs) {
    throw Error(Status::invalid_argument, "max_concurrent_runs must be at most " + std::to_string(max_runs));
  }
  if (options.max_batch > max_segments) {
    throw Error(Status::invalid_argument, "max_batch must be at most " + std::to_string(max_segments));
  }
}

/// What a session has besides its weights: the graph, its kernels, and weights that these keep in an order of their
/// own.
constexpr std::uint64_t session_bytes = std::uint64_t{16} << 20U;

bool computes_in_half(const ModelInfo& info) { return info.precision == "fp16-gpu"; }

/// The options for what is loaded after `Model::load`, whose token has done its work.
ModelOptions without_cancel(ModelOptions options) {
  options.cancel = CancelToken();
  return options;
}

using Clock = std::chrono::steady_clock;

std::string milliseconds_since(Clock::time_point begin) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  return std::to_string(took.count()) + " ms";
}

std::string count(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

void log_loaded(const ModelSession& session, const std::string& what, Clock::time_point begin) noexcept {
  log(LogLevel::info, [&] {
    const ComputeShares& shares = session.shares();
    return "loaded " + what + " (" + session.info().name + ", " + session.info().precision + ") in " +
           milliseconds_since(begin) + ": provider " + session.provider() + ", ONNX Runtime " +
           session.runtime_version() + ", " + count(shares.threads, "thread") + ", " + count(shares.runs, "run") +
           " at a time of " + count(session.max_batch(), "segment");
  });
}

/// Loads a single model.
template <typename... Source>
std::unique_ptr<const ModelSession> open_session(const std::string& what, const Source&... source) {
  const auto begin = Clock::now();
  auto session = std::make_unique<const ModelSession>(source...);
  log_loaded(*session, what, begin);
  return session;
}

}  // namespace

/// A single model is the one member of a bag of its own.
struct Model::Impl {
  struct Member {
    std::unique_ptr<const ModelSession> session;      // of whose turn of `loads` it is
    std::atomic<const ModelSession*> ready{nullptr};  // the same, once it is loaded
  };

  Process process;
  Bag bag;
  std::string runtime_version;
  ComputeShares shares;
  RunQueue queue;
  std::vector<Member> members;
  std::uint64_t weight_bytes;      // of all members
  RunQueue loads{1};               // one member at a time; runs of loaded members do not wait here
  ModelOptions options;            // of the next member to load; of whose turn of `loads` it is
  mutable std::mutex facts_mutex;  // guards the following, and is never held for long
  std::string provider;            // that of the first member, and then of all
  std::vector<std::string> rejected_providers;

  Impl(std::unique_ptr<const ModelSession> single, const ModelOptions& options_in, std::uint64_t weight_bytes_in)
      : shares(single->shares()),
        queue(shares.runs),
        members(1),
        weight_bytes(weight_bytes_in),
        options(without_cancel(options_in)),
        provider(single->provider()),
        rejected_providers(single->rejected_providers()) {
    bag.info = single->info();
    runtime_version = single->runtime_version();
    bag.members.push_back({{}, bag.info.weights_sha256, std::vector<float>(bag.info.sources.size(), 1.0F)});
    members[0].session = std::move(single);
    members[0].ready = members[0].session.get();
  }

  Impl(Bag bag_in, const ModelOptions& options_in)
      : bag(std::move(bag_in)),
        runtime_version(ModelSession::connect(options_in)),
        shares(choose_shares(options_in, ModelSession::first_candidate(options_in))),
        queue(shares.runs = affordable_runs(options_in, bag.info, shares.runs)),
        members(bag.members.size()),
        weight_bytes(0),
        options(without_cancel(options_in)),
        provider(options_in.provider) {
    options.max_concurrent_runs = shares.runs;  // of every member the same
    for (const auto& member : bag.members) {
      throw_if_cancelled(options_in.cancel, loading);
      weight_bytes += loaded_weight_bytes(member.file, computes_in_half(bag.info));
    }
  }

  const ModelSession& session(std::size_t index, const CancelToken& cancel) {
    Member& member = members[index];
    if (const ModelSession* ready = member.ready.load(std::memory_order_acquire)) return *ready;
    throw_if_cancelled(cancel, loading);
    const auto turn = loads.enter(Priority::normal, cancel);
    if (!member.session) {
      const auto& file = bag.members[index].file;
      ModelOptions now = options;
      now.cancel = cancel;
      auto opened = open_session("'" + utf8(file) + "'", file, now, members.size() > 1);
      check_member(bag, bag.members[index], opened->info());
      keep_to(*opened);
      member.session = std::move(opened);
      member.ready.store(member.session.get(), std::memory_order_release);
    }
    return *member.session;
  }

  /// Lets the other members have the provider that "auto" has found for the first.
  void keep_to(const ModelSession& first) {
    if (options.provider == first.provider()) return;
    options.provider = first.provider();
    if (options.provider == "cpu") {  // these were for the others
      options.provider_options.clear();
      options.provider_library.clear();
    }
    const std::lock_guard lock(facts_mutex);
    provider = first.provider();
    rejected_providers = first.rejected_providers();
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
    if (process.has_forked()) {
      throw Error(Status::runtime_failed,
                  "this process was forked from the one that loaded the model, whose threads it does not have; load "
                  "the model in the child");
    }
    if (!wanted.empty() && wanted.size() != bag.info.sources.size()) {
      throw Error(Status::invalid_argument, "a source mask needs one flag for each of the model's " +
                                                std::to_string(bag.info.sources.size()) + " sources");
    }
  }

  /// stems += shares of the member * what it computed. Sources that are not yet `begun` begin here.
  void add(std::size_t index, const float* computed, std::size_t batch, std::vector<bool>& begun, float* stems) const {
    const auto& shares = bag.members[index].shares;
    const std::size_t size = bag.info.channels * bag.info.segment_frames;
    for (std::size_t row = 0; row < batch * shares.size(); ++row) {
      const std::size_t source = row % shares.size();
      const float share = shares[source];
      if (share == 0.0F) continue;
      float* const sum = stems + row * size;
      const float* const part = computed + row * size;
      if (begun[source]) {
        for (std::size_t i = 0; i < size; ++i) sum[i] += share * part[i];
      } else {
        for (std::size_t i = 0; i < size; ++i) sum[i] = 0.0F + share * part[i];  // as a sum: never -0
      }
    }
    for (std::size_t s = 0; s < shares.size(); ++s) begun[s] = begun[s] || shares[s] != 0.0F;
  }
};

std::shared_ptr<const Model> Model::load(const std::filesystem::path& file, const ModelOptions& options) {
  check(options);
  throw_if_cancelled(options.cancel, loading);
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    throw Error(Status::bad_model, "there is no model file '" + utf8(file) +
                                       "'; give the path of an .onnx or .ort file made by demucs-export");
  }
  if (file.extension() == ".json") {
    return std::shared_ptr<const Model>(new Model(std::make_unique<Impl>(read_bag(file), options)));
  }
  auto session = open_session("'" + utf8(file) + "'", file, options);
  const auto weights = loaded_weight_bytes(file, computes_in_half(session->info()));
  return std::shared_ptr<const Model>(new Model(std::make_unique<Impl>(std::move(session), options, weights)));
}

std::shared_ptr<const Model> Model::load(const void* data, std::size_t size, const ModelOptions& options) {
  check(options);
  if (data == nullptr || size == 0) throw Error(Status::bad_model, "the model in memory is empty");
  throw_if_cancelled(options.cancel, loading);
  auto session = open_session("a model in memory", data, size, options);
  const ReadAt read = [&](std::uint64_t offset, char* to, std::size_t wanted) {
    if (offset >= size) return std::size_t{0};
    const std::size_t there = std::min(wanted, size - static_cast<std::size_t>(offset));
    std::copy_n(static_cast<const char*>(data) + offset, there, to);
    return there;
  };
  const auto weights = loaded_weight_bytes(read, size, computes_in_half(session->info()));
  return std::shared_ptr<const Model>(new Model(std::make_unique<Impl>(std::move(session), options, weights)));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Model::~Model() {
  // In a forked child ONNX Runtime would wait for threads that are not there.
  if (impl_->process.has_forked()) impl_.release();
}

const ModelInfo& Model::info() const noexcept { return impl_->bag.info; }

std::vector<std::string> Model::available_providers(const ModelOptions& options) {
  return ModelSession::available_providers(options);
}

unsigned Model::default_threads() noexcept { return usable_cores(); }

std::string Model::provider() const {
  const std::lock_guard lock(impl_->facts_mutex);
  return impl_->provider;
}

std::vector<std::string> Model::rejected_providers() const {
  const std::lock_guard lock(impl_->facts_mutex);
  return impl_->rejected_providers;
}

unsigned Model::max_concurrent_runs() const noexcept { return impl_->shares.runs; }

unsigned Model::max_batch() const noexcept {
  unsigned most = 0;
  for (const auto& member : impl_->members) {
    if (const ModelSession* session = member.ready)
      most = most == 0 ? session->max_batch() : std::min(most, session->max_batch());
  }
  return std::max(most, 1U);
}

unsigned Model::threads() const noexcept { return impl_->shares.threads; }

const std::string& Model::runtime_version() const noexcept { return impl_->runtime_version; }

MemoryEstimate Model::memory_estimate() const noexcept {
  MemoryEstimate memory;
  memory.loaded = impl_->weight_bytes + session_bytes * impl_->members.size();
  memory.per_run = run_bytes(impl_->bag.info, max_batch());
  memory.total = memory.loaded + memory.per_run * impl_->shares.runs;
  return memory;
}

void Model::prepare(const SourceMask& wanted, const CancelToken& cancel) const {
  impl_->check(wanted);
  for (std::size_t i = 0; i < impl_->members.size(); ++i) {
    if (impl_->needs(i, wanted)) impl_->session(i, cancel);
  }
}

void Model::run(const float* mix, std::size_t batch, float* stems, const RunOptions& options) const {
  if (batch == 0) throw Error(Status::invalid_argument, "a batch of 0 segments cannot be run");
  const auto& info = impl_->bag.info;
  const std::size_t size = info.sources.size() * info.channels * info.segment_frames;
  if (batch > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float) / size) {
    throw Error(Status::invalid_argument, "a batch of " + std::to_string(batch) + " segments fits no memory");
  }
  throw_if_cancelled(options.cancel);
  prepare(options.wanted, options.cancel);  // before the queue, in which others would wait for it
  const auto asked = Clock::now();
  const auto place = impl_->queue.enter(options.priority, options.cancel);
  if (place.waited()) {
    log(LogLevel::debug,
        [&] { return "a run of " + info.name + " waited " + milliseconds_since(asked) + " for its turn"; });
  }
  if (impl_->members.size() == 1) return impl_->session(0, options.cancel).run(mix, batch, stems, options.cancel);
  const std::unique_ptr<float[]> computed(new float[batch * size]);  // all of it will be written
  std::vector<bool> begun(info.sources.size());
  for (std::size_t i = 0; i < impl_->members.size(); ++i) {
    if (!impl_->needs(i, options.wanted)) continue;
    impl_->session(i, options.cancel).run(mix, batch, computed.get(), options.cancel);
    impl_->add(i, computed.get(), batch, begun, stems);
  }
}

}  // namespace demucs_ort
