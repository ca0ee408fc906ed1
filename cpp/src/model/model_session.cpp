#include "model/model_session.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/background_thread.hpp"
#include "base/cancel_state.hpp"
#include "base/decimal.hpp"
#include "base/joining_thread.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "base/utf8_text.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "demucs_ort/model.hpp"
#include "model/compute_shares.hpp"
#include "model/known_answer.hpp"
#include "model/load_cancellation.hpp"
#include "model/model_contract.hpp"
#include "model/model_providers.hpp"
#include "model/onnxruntime_library.hpp"
#include "model/provider_plugin.hpp"
#include "model/runtime_log.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace demucs_ort {
namespace {

/// The version of ONNX Runtime's C interface that this library uses: that of 1.21, however new the headers are.
constexpr std::uint32_t runtime_api = 21;
static_assert(runtime_api <= ORT_API_VERSION, "the headers of ONNX Runtime are older than 1.21");

/// What is wrong with a runtime; empty: nothing.
std::string problem_of(const OrtApiBase* base) {
  if (base->GetApi(runtime_api) != nullptr) return {};
  return std::string("is ONNX Runtime ") + base->GetVersionString() + ", which is too old (it has no interface " +
         std::to_string(runtime_api) + ")";
}

#ifdef DEMUCS_ORT_LINK_ONNXRUNTIME
const OrtApiBase* find_runtime(const std::filesystem::path&) {
  const OrtApiBase* base = OrtGetApiBase();
  if (const auto problem = problem_of(base); !problem.empty()) {
    throw Error(Status::runtime_missing, "the linked library " + problem + "; install 1.21 or later");
  }
  return base;
}
#else
const OrtApiBase* call_entry_point(void* entry_point) {
  using EntryPoint = const OrtApiBase*(ORT_API_CALL*)();
  return reinterpret_cast<EntryPoint>(entry_point)();
}

const OrtApiBase* find_runtime(const std::filesystem::path& library) {
  return call_entry_point(
      onnxruntime_entry_point(library, [](void* entry_point) { return problem_of(call_entry_point(entry_point)); }));
}
#endif

/// Gives the C++ wrappers of ONNX Runtime their function table.
const OrtApiBase& connect_runtime(const ModelOptions& options) {
  const OrtApiBase* base = find_runtime(options.onnxruntime_library);
  static std::once_flag once;
  std::call_once(once, [base] { Ort::InitApi(base->GetApi(runtime_api)); });
  throw_if_cancelled(options.cancel, loading);
  if (!options.provider_library.empty()) load_provider_plugin(*base, options.provider_library);
  return *base;
}

struct LowPriority {
  static OrtCustomThreadHandle start(void*, OrtThreadWorkerFn work, void* argument) {
    const auto run = [=] {
      lower_thread_priority();
      work(argument);
    };
    return reinterpret_cast<OrtCustomThreadHandle>(new JoiningThread(run));
  }
  static void join(OrtCustomThreadHandle handle) {
    // ONNX Runtime's handle is a pointer to const; it is ours.
    delete reinterpret_cast<JoiningThread*>(const_cast<void*>(static_cast<const void*>(handle)));
  }
};

Ort::SessionOptions session_options(const ModelOptions& options, const std::string& provider, unsigned threads) {
  Ort::SessionOptions session;
  session.SetExecutionMode(ORT_SEQUENTIAL);
  session.SetInterOpNumThreads(1);
  // Left to itself, ONNX Runtime would bind its threads to all of the machine's cores, not to those we may use.
  session.SetIntraOpNumThreads(static_cast<int>(threads));
  // The memory pattern reserves one block for the sum of all activations: it doubles peak memory and gains no time.
  session.DisableMemPattern();
  session.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  // A deck that waits for its next segment should cost nothing; runs do not get slower (docs/experiments.md).
  session.AddConfigEntry("session.intra_op.allow_spinning", "0");
  if (options.low_priority) {
    session.SetCustomCreateThreadFn(LowPriority::start).SetCustomJoinThreadFn(LowPriority::join);
  }
  add_provider(session, provider, options);
  return session;
}

/// ONNX Runtime's environment with one arena that sessions can share. There is one per process while anybody holds it:
/// registering an arena again would replace it for later sessions.
std::shared_ptr<const Ort::Env> environment_with_arena() {
  static std::mutex mutex;
  static std::weak_ptr<const Ort::Env> current;
  const std::lock_guard lock(mutex);
  if (auto environment = current.lock()) return environment;
  auto environment = std::make_shared<Ort::Env>(make_environment());
  try {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    environment->CreateAndRegisterAllocator(memory, Ort::ArenaCfg(0, -1, -1, -1));
  } catch (const Ort::Exception&) {
    // The host has registered one (ONNX Runtime before 1.23 says so): that serves as well.
  }
  current = environment;
  return environment;
}

/// Lets the session take its working memory from the environment's arena; its weights stay out of that.
void use_environments_arena(Ort::SessionOptions& session) {
  session.AddConfigEntry("session.use_env_allocators", "1");
  session.AddConfigEntry("session.use_device_allocator_for_initializers", "1");
}

TensorSpec describe(const std::string& name, const Ort::TypeInfo& type) {
  TensorSpec spec{utf8_text(name), false, {}};
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) return spec;
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  spec.is_float32 = tensor.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  spec.shape = tensor.GetShape();
  return spec;
}

/// Keeps the memory of later runs, which compute so many segments at a time, together and gives back what loading left;
/// changes no result.
void tidy_memory(const Ort::Session& session, const ModelInfo& info, unsigned segments) {
  // An arena that grows by doubling is cut into regions into which large tensors do not fit, and a run holds a quarter
  // more. The factor, rounded up by the arena to a power of two, covers a run; reserved memory is taken when it is
  // used.
  const std::size_t output = info.sources.size() * info.channels * info.segment_frames * sizeof(float);
  Ort::Allocator arena(session, Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault));
  // Several runs at a time cut it in more ways than one run does.
  arena.Free(arena.Alloc((segments > 1 ? 32 : 16) * output * segments));
#ifdef __GLIBC__
  malloc_trim(0);  // the parsed file, as large as the weights
#endif
}

FindMetadata metadata_of(const Ort::Session& session) {
  const auto metadata = std::make_shared<Ort::ModelMetadata>(session.GetModelMetadata());
  return [metadata](const std::string& key) -> std::optional<std::string> {
    Ort::AllocatorWithDefaultOptions allocator;
    const auto value = metadata->LookupCustomMetadataMapAllocated(key.c_str(), allocator);
    if (!value) return std::nullopt;
    return std::string(value.get());
  };
}

ModelInfo inspect(const Ort::Session& session) {
  Ort::AllocatorWithDefaultOptions allocator;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
    inputs.push_back(describe(session.GetInputNameAllocated(i, allocator).get(), session.GetInputTypeInfo(i)));
  }
  for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
    outputs.push_back(describe(session.GetOutputNameAllocated(i, allocator).get(), session.GetOutputTypeInfo(i)));
  }
  return read_contract(inputs, outputs, metadata_of(session));
}

/// ONNX Runtime quotes names of the file, which may be in any encoding.
std::string reason(const Ort::Exception& failure) { return utf8_text(failure.what()); }

bool says_any(const Ort::Exception& failure, std::initializer_list<std::string_view> words) {
  const std::string_view what = failure.what();
  return std::any_of(words.begin(), words.end(), [&](auto word) { return what.find(word) != std::string_view::npos; });
}

/// ONNX Runtime has no code for missing memory, only words; callers get the exception that they expect.
void throw_if_out_of_memory(const Ort::Exception& failure) {
  if (says_any(failure, {"bad_alloc", "Failed to allocate memory", "CUDA failure 2:", "CUBLAS failure 3:"})) {
    throw std::bad_alloc();
  }
}

/// Whether ONNX Runtime's own kernels are to be asked for. On Arm processors with SME it takes KleidiAI's otherwise,
/// which are as exact in float32, and 20 dB less exact in 8 bits (docs/experiments.md).
bool needs_own_kernels(const ModelInfo& info) {
#if defined(__aarch64__) || defined(_M_ARM64)
  return info.precision == "int8";
#else
  static_cast<void>(info);
  return false;
#endif
}

/// Why no session came about: the file, or what should compute it.
Error load_error(const Ort::Exception& failure, const std::string& provider, const std::string& what) {
  if (says_any(failure, {"pthread_create failed", JoiningThread::refused})) {
    return {Status::runtime_failed, std::string("the system starts no more threads for ") + what + " (" +
                                        reason(failure) + "); end other programs, or ask for fewer threads"};
  }
  const auto code = failure.GetOrtErrorCode();
  const bool unreadable = code == ORT_INVALID_PROTOBUF || code == ORT_NO_SUCHFILE || code == ORT_NO_MODEL;
  if (provider != "cpu" && !unreadable) {
    return {Status::runtime_failed, "the provider " + provider + " cannot compute " + what + " here (" +
                                        reason(failure) + "); the provider cpu can"};
  }
  return {Status::bad_model, "cannot load " + what + " as an ONNX or ORT model (" + reason(failure) +
                                 "); export it again with demucs-export"};
}

/// On cuda, of each of two runs. More gain little, and lose it again with the last batch of a song.
constexpr unsigned chosen_batch = 2;

/// The most segments of one inference. Throws Error invalid_argument if the caller asks for more than is possible.
unsigned batch_limit(const ModelOptions& options, const std::string& provider, const Ort::Session& session) {
  const auto shape = session.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
  if (takes_batches(provider) && shape.front() != 1) {
    if (options.max_batch > 0) return options.max_batch;
    return provider == "cpu" ? 1 : chosen_batch;
  }
  if (options.max_batch <= 1) return 1;
  throw Error(Status::invalid_argument,
              takes_batches(provider)
                  ? "it was exported with --static-batch, for one segment at a time: leave max_batch at 1"
                  : "the provider " + provider + " takes one segment at a time: leave max_batch at 1");
}

}  // namespace

ModelSession::ModelSession(const ModelOptions& options, const std::string& what, bool among_others, const Open& open)
    : runtime_version_(connect(options)) {
  const auto candidates = provider_candidates(options);
  for (const auto& candidate : candidates) {
    const auto reject = [&](const std::string& reason) {
      rejected_providers_.push_back(candidate + ": " + reason);
      log(LogLevel::warning, [&] { return "auto rejects the provider " + candidate + " for " + what + ": " + reason; });
    };
    try {
      load(candidate, options, among_others, open);
      return;
    } catch (const Ort::Exception& failure) {
      throw_if_cancelled(options.cancel, loading);
      if (candidate == candidates.back()) {
        throw_if_out_of_memory(failure);
        throw load_error(failure, candidate, what);
      }
      reject(reason(failure));
    } catch (const Error& failure) {
      throw_if_cancelled(options.cancel, loading);
      if (candidate == candidates.back()) throw Error(failure.status(), "cannot use " + what + ": " + failure.what());
      reject(failure.what());
    } catch (const std::bad_alloc&) {
      const std::string problem = "there is not enough memory for one segment";
      if (candidate == "cpu") throw;
      if (candidate == candidates.back()) {
        throw Error(Status::runtime_failed, "the provider " + candidate + " cannot compute " + what + ": " + problem +
                                                "; end other programs that use it, or take the provider cpu");
      }
      reject(problem);
    }
  }
}

void ModelSession::load(const std::string& candidate, const ModelOptions& options, bool among_others,
                        const Open& open) {
  provider_ = candidate;
  shares_ = choose_shares(options, candidate);
  // First: providers need an environment's logger even to be configured.
  environment_ = among_others ? environment_with_arena() : std::make_shared<const Ort::Env>(make_environment());
  auto settings = session_options(options, provider_, shares_.threads);
  // Failures reach the caller as exceptions; a library does not write to standard error as well.
  logs_ = log_session(settings);
  if (among_others) use_environments_arena(settings);
  const auto open_and_inspect = [&] {
    {
      const OnCancel stop(options.cancel, stop_loading(*find_runtime(options.onnxruntime_library), settings));
      session_ = open(*environment_, settings);
    }
    throw_if_cancelled(options.cancel, loading);
    info_ = inspect(session_);
  };
  open_and_inspect();
  if (needs_own_kernels(info_)) {  // which only the opened file tells; it is opened once more
    session_ = Ort::Session(nullptr);
    settings.AddConfigEntry("mlas.disable_kleidiai", "1");
    open_and_inspect();
  }
  shares_.runs = affordable_runs(options, info_, shares_.runs);
  max_batch_ = batch_limit(options, candidate, session_);
  if (provider_ == "cpu") {
    tidy_memory(session_, info_, shares_.runs * max_batch_);
  } else {
    test_provider(options.cancel);
  }
}

/// A provider may load a model and compute nonsense: a known signal tells. It is tried in the shape that all runs will
/// have, which also makes the first real run as fast as the others.
void ModelSession::test_provider(const CancelToken& cancel) const {
  const auto expected = read_known_answer(info_, metadata_of(session_));
  if (expected.empty()) {
    throw Error(Status::bad_model, "the model has no known answer to test the provider " + provider_ +
                                       " with; export it again with demucs-export");
  }
  const auto signal = known_signal(info_);
  const std::size_t batch = max_batch_;
  std::vector<float> mix;
  for (std::size_t i = 0; i < batch; ++i) mix.insert(mix.end(), signal.begin(), signal.end());
  const std::size_t size = signal.size() * info_.sources.size();
  std::vector<float> stems(batch * size);
  run(mix.data(), batch, stems.data(), cancel);
  for (std::size_t i = 0; i < batch; ++i) {
    const std::vector<float> one(stems.data() + i * size, stems.data() + (i + 1) * size);
    const double found = known_answer_snr(info_, expected, one);
    if (found >= min_known_answer_snr) continue;
    throw Error(Status::runtime_failed, "the provider " + provider_ +
                                            " computes garbage: its SNR on a known signal is " + decimal(found, 1) +
                                            " dB instead of at least " + decimal(min_known_answer_snr, 0) + " dB");
  }
}

void ModelSession::run_at_once(const float* mix, std::size_t batch, float* stems, const CancelToken& cancel) const {
  throw_if_cancelled(cancel);
  const auto count = static_cast<std::int64_t>(batch);
  const auto channels = static_cast<std::int64_t>(info_.channels);
  const auto frames = static_cast<std::int64_t>(info_.segment_frames);
  const auto sources = static_cast<std::int64_t>(info_.sources.size());
  const std::array<std::int64_t, 3> mix_shape{count, channels, frames};
  const std::array<std::int64_t, 4> stems_shape{count, sources, channels, frames};
  const std::size_t mix_size = batch * info_.channels * info_.segment_frames;
  try {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
    // ONNX Runtime takes inputs through a non-const pointer but only reads them.
    const auto input =
        Ort::Value::CreateTensor<float>(memory, const_cast<float*>(mix), mix_size, mix_shape.data(), mix_shape.size());
    auto output = Ort::Value::CreateTensor<float>(memory, stems, mix_size * info_.sources.size(), stems_shape.data(),
                                                  stems_shape.size());
    Ort::RunOptions run_options;
    run_options.SetRunLogSeverityLevel(logs_ ? run_severity() : ORT_LOGGING_LEVEL_FATAL);
    const OnCancel stop(cancel, [&run_options] { run_options.SetTerminate(); });
    const char* input_name = "mix";
    const char* output_name = "stems";
    session_.Run(run_options, &input_name, &input, 1, &output_name, &output, 1);
  } catch (const Ort::Exception& failure) {
    throw_if_cancelled(cancel);
    throw_if_out_of_memory(failure);
    throw Error(Status::runtime_failed, std::string("ONNX Runtime failed to run the model: ") + reason(failure));
  }
}

ModelSession::ModelSession(const std::filesystem::path& file, const ModelOptions& options, bool among_others)
    : ModelSession(options, "'" + utf8(file) + "'", among_others,
                   [&](const Ort::Env& env, const Ort::SessionOptions& session) {
                     check_file_self_contained(file, options.cancel);
                     return Ort::Session(env, file.c_str(), session);
                   }) {}

ModelSession::ModelSession(const void* data, std::size_t size, const ModelOptions& options)
    : ModelSession(options, "the model in memory", false, [&](const Ort::Env& env, const Ort::SessionOptions& session) {
        check_self_contained({static_cast<const char*>(data), size});
        return Ort::Session(env, data, size, session);
      }) {}

std::string ModelSession::connect(const ModelOptions& options) { return connect_runtime(options).GetVersionString(); }

std::string ModelSession::first_candidate(const ModelOptions& options) { return provider_candidates(options).front(); }

std::vector<std::string> ModelSession::available_providers(const ModelOptions& options) {
  connect(options);
  return offered_providers(options);
}

/// All runs have one shape, and what is missing is silence: CUDA prepares its convolutions anew whenever the shape
/// changes, for 0.3 s and more (docs/experiments.md).
void ModelSession::run_padded(const float* mix, std::size_t batch, std::size_t padded, float* stems,
                              const CancelToken& cancel) const {
  if (batch == padded) return run_at_once(mix, batch, stems, cancel);
  const std::size_t size = info_.channels * info_.segment_frames;
  std::vector<float> input(mix, mix + batch * size);
  input.resize(padded * size);
  const std::unique_ptr<float[]> output(new float[padded * size * info_.sources.size()]);  // all of it will be written
  run_at_once(input.data(), padded, output.get(), cancel);
  std::copy_n(output.get(), batch * size * info_.sources.size(), stems);
}

void ModelSession::run(const float* mix, std::size_t batch, float* stems, const CancelToken& cancel) const {
  const std::size_t size = info_.channels * info_.segment_frames;
  for (std::size_t done = 0; done < batch;) {
    const unsigned most = max_batch_;
    const std::size_t count = std::min<std::size_t>(batch - done, most);
    const auto compute = [&] {
      run_padded(mix + done * size, count, most, stems + done * size * info_.sources.size(), cancel);
      done += count;
    };
    try {
      const std::shared_lock beside_others(alone_);
      compute();
    } catch (const std::bad_alloc&) {
      if (most > 1) {
        max_batch_ = most / 2;
        log(LogLevel::warning, [&] {
          return "the provider " + provider_ + " has not enough memory for " + std::to_string(most) + " segments of " +
                 info_.name + " at a time; from now on it computes " + std::to_string(most / 2);
        });
      } else if (provider_ == "cpu") {
        throw;
      } else {  // a GPU's memory, which other programs may need, too
        log(LogLevel::warning, [&] {
          return "the provider " + provider_ + " has not enough memory for a run of " + info_.name +
                 " beside others; it is repeated alone";
        });
        const std::unique_lock alone(alone_);
        compute();
      }
    }
  }
}

}  // namespace demucs_ort
