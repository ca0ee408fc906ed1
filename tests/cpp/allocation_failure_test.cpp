// Memory that runs out anywhere: the n-th allocation of a call fails, for n = 1, 2, ... until the call succeeds. Every
// failure has to come out as one, and what it hit has to stay usable. AddressSanitizer (preset asan) sees the leaks.
#include <elf.h>
#include <execinfo.h>
#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "demucs_ort/c_api.h"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"
#include "model/model_contract.hpp"
#include "one_by_one.hpp"
#include "rate/window_grid.hpp"
#include "separation/infer.hpp"
#include "separation/segment_plan.hpp"
#include "separation/separation.hpp"
#include "separation/stem_mixing.hpp"
#include "stream/stream_engine.hpp"

using namespace demucs_ort;

namespace {

constexpr long never = -1;
thread_local long left = never;  // allocations of this library on this thread until the one that fails
thread_local bool has_failed = false;

/// Where a program or library lies in memory.
struct Library {
  explicit Library(const char* name) : wanted(name) {
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* self) {
          auto& library = *static_cast<Library*>(self);
          const std::string_view found = info->dlpi_name;  // "" is this program
          if (library.wanted.empty() ? !found.empty() : found.find(library.wanted) == found.npos) return 0;
          for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
            if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
            const auto begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            library.begin = std::min(library.begin, begin);
            library.end = std::max(library.end, begin + info->dlpi_phdr[i].p_memsz);
          }
          return 1;
        },
        this);
  }
  bool holds(const void* address) const { return reinterpret_cast<std::uintptr_t>(address) - begin < end - begin; }

  std::string_view wanted;
  std::uintptr_t begin = std::numeric_limits<std::uintptr_t>::max();
  std::uintptr_t end = 0;
};

/// Whether this library asks, directly or through the standard library, and not ONNX Runtime, which ends the process
/// when some of its own small allocations fail.
bool is_ours(const void* caller) {
  static const Library program("");
  const Library runtime("libonnxruntime");  // from the first model on
  std::array<void*, 32> frames{};
  const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
  const auto end = frames.begin() + count;
  for (auto frame = std::find(frames.begin(), end, caller); frame != end; ++frame) {
    if (program.holds(*frame)) return true;
    if (runtime.end > 0 && runtime.holds(*frame)) return false;
  }
  return false;
}

void* allocate(std::size_t size, std::size_t alignment, const void* caller) {
  if (left != never) {
    const long before = std::exchange(left, never);  // looking for the caller is not counted
    if (is_ours(caller)) {
      if (before == 0) {
        has_failed = true;
        throw std::bad_alloc();
      }
      left = before - 1;
    } else {
      left = before;
    }
  }
  void* memory = alignment == 0 ? std::malloc(size + (size == 0)) : std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, 0, __builtin_return_address(0)); }
void* operator new[](std::size_t size) { return allocate(size, 0, __builtin_return_address(0)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return allocate((size + unit - 1) / unit * unit, unit, __builtin_return_address(0));
}
// Who asks like this can do without, such as std::stable_sort.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size + (size == 0)); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size + (size == 0)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
// Inlined, GCC would take it for a free() of what `new` has given.
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

/// Runs `work` with its n-th allocation failing, for every n there is, and returns how many there were. `work` returns
/// whether it failed as it should; `afterwards` has to succeed.
long fail_every_allocation(const std::function<bool()>& work, const std::function<void()>& afterwards = {}) {
  for (long n = 0;; ++n) {
    has_failed = false;
    left = n;
    const bool failed_well = work();
    left = never;
    if (!has_failed) return n;
    EXPECT_TRUE(failed_well) << "allocation " << n + 1;
    if (afterwards) afterwards();
    if (testing::Test::HasFailure()) return n;
  }
}

/// Whether the work throws that there is no memory.
template <typename Work>
auto throws_bad_alloc(const Work& work) {
  return [work] {
    try {
      work();
    } catch (const std::bad_alloc&) {
      return true;
    }
    return false;
  };
}

ModelInfo tiny_model() {
  ModelInfo info;
  info.sample_rate = 200;
  info.channels = 2;
  info.segment_frames = 500;
  info.sources = {"drums", "a stem whose name is longer than what a string holds without memory of its own"};
  return info;
}

struct Track {
  std::vector<float> samples = std::vector<float>(1700, 0.25F);
  std::size_t written = 0;
  float last = 0;

  std::size_t separate(Separation& separation) {
    written = 0;
    const auto infer = [](const float* mix, float* stems) {
      for (std::size_t i = 0; i < 2000; ++i) stems[i] = 0.5F * mix[i % 1000];
    };
    const auto read = [this](std::size_t first, std::size_t wanted, float* const* channels) {
      const std::size_t count = std::min(wanted, samples.size() - first);
      for (std::size_t c = 0; c < 2; ++c) std::copy_n(samples.data() + first, count, channels[c]);
      return count;
    };
    const auto write = [this](std::size_t, std::size_t count, const float* const* const* stems) {
      written += count;
      last = stems[1][1][count - 1];
    };
    return separation.run(one_by_one(infer, tiny_model()), read, write, {}, {});
  }
};

}  // namespace

TEST(AllocationFailure, SegmentPlan) {
  const std::vector<std::size_t> leads{0, 13, 99};
  EXPECT_GT(fail_every_allocation(throws_bad_alloc([&] { SegmentPlan(10'000, WindowGrid(1000), 300, leads); })), 5);
}

TEST(AllocationFailure, SeparationFromItsOptionsToItsLastFrame) {
  SeparatorOptions options;
  options.shifts = 2;
  options.stems = {tiny_model().sources[1], "drums"};
  Track track;
  const auto work = [&] {
    Separation separation(tiny_model(), WindowGrid(tiny_model().segment_frames), options);
    track.separate(separation);
  };
  EXPECT_GT(fail_every_allocation(throws_bad_alloc(work)), 20);
}

TEST(AllocationFailure, ASeparationStaysUsable) {
  Separation separation(tiny_model(), WindowGrid(tiny_model().segment_frames), {});
  Track track;
  const auto again = [&] {
    EXPECT_EQ(track.separate(separation), 1700U);
    EXPECT_EQ(track.written, 1700U);
    EXPECT_EQ(track.last, 0.25F);
  };
  EXPECT_GT(fail_every_allocation(throws_bad_alloc([&] { track.separate(separation); }), again), 5);
}

TEST(AllocationFailure, ModelContract) {
  const std::string long_text = "longer than what a string holds without memory of its own";
  const std::map<std::string, std::string> metadata{
      {"demucs_ort.schema_version", "1"},    {"demucs_ort.model_name", long_text},
      {"demucs_ort.sample_rate", "44100"},   {"demucs_ort.channels", "1"},
      {"demucs_ort.segment_frames", "500"},  {"demucs_ort.sources", "drums," + long_text},
      {"demucs_ort.precision", "fp32"},      {"demucs_ort.trained", "true"},
      {"demucs_ort.demucs_version", "4.1"},  {"demucs_ort.weights_sha256", std::string(64, 'a')},
      {"demucs_ort.description", long_text}, {"demucs_ort.known_answer", "1" + std::string(62, '1')}};
  const FindMetadata find = [&](const std::string& key) -> std::optional<std::string> {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    return found->second;
  };
  const std::vector<TensorSpec> inputs{{"mix", true, {-1, 1, 500}}};
  const std::vector<TensorSpec> outputs{{"stems", true, {-1, 2, 1, 500}}};
  EXPECT_GT(fail_every_allocation(throws_bad_alloc([&] { read_contract(inputs, outputs, find); })), 20);
}

// ------------------------------------------------------------------------------------------------------------ decks

namespace {

constexpr std::size_t deck_frames = 1200;

std::shared_ptr<const Model> load_for_decks(const char* name) {
  ModelOptions options;
  options.max_concurrent_runs = 2;
  return Model::load(std::filesystem::path(TEST_MODELS) / name, options);
}

DeckPoolOptions one_worker() {
  DeckPoolOptions options;
  options.provisional = load_for_decks("short.onnx");
  options.warm = false;
  return options;
}

DeckOptions spilling(const std::filesystem::path& folder) {
  DeckOptions options;
  options.cache_mb = 1;
  options.spill_folder = folder;
  return options;
}

std::size_t quiet(std::size_t, std::size_t frames, float* const* channels) {
  for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], frames, 0.25F);
  return frames;
}

/// What becomes of a deck whose worker has no memory for its n-th allocation from its first read on.
DeckState run_out_of_memory(const DeckPool& pool, long n) {
  std::atomic<bool> first{true};
  const auto read = [&](std::size_t frame, std::size_t frames, float* const* channels) {
    if (first.exchange(false)) left = n;
    return quiet(frame, frames, channels);
  };
  Deck deck(pool, read, deck_frames);
  while (deck.state().stage < DeckStage::done) std::this_thread::sleep_for(std::chrono::microseconds(100));
  return deck.state();
}

}  // namespace

TEST(AllocationFailure, StartingDecks) {
  const auto model = load_for_decks("gains.onnx");
  const auto options = one_worker();
  EXPECT_GT(fail_every_allocation(throws_bad_alloc([&] { DeckPool(model, options); })), 8);
  const DeckPool pool(model, options);
  const auto usable = [&] { EXPECT_EQ(run_out_of_memory(pool, never).stage, DeckStage::done); };
  const auto folder = std::filesystem::path(testing::TempDir()) / ("spill-" + std::to_string(std::random_device{}()));
  std::filesystem::create_directories(folder);
  const auto open = [&] { Deck(pool, quiet, deck_frames, spilling(folder)); };
  EXPECT_GT(fail_every_allocation(throws_bad_alloc(open), usable), 20);
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "a deck that did not open left its spill file";
  std::filesystem::remove_all(folder);
}

TEST(AllocationFailure, AWorkerFailsItsDeckAndServesTheNext) {
  const DeckPool pool(load_for_decks("gains.onnx"), one_worker());
  long n = 0;
  for (; !HasFailure(); ++n) {
    const DeckState state = run_out_of_memory(pool, n);
    if (state.stage == DeckStage::done) break;
    EXPECT_EQ(state.stage, DeckStage::failed) << "allocation " << n + 1;
    EXPECT_EQ(state.error, Status::runtime_failed) << state.message;
    EXPECT_EQ(state.message, "there is not enough memory");
  }
  EXPECT_GT(n, 100);
  EXPECT_EQ(run_out_of_memory(pool, never).stage, DeckStage::done);
}

// ---------------------------------------------------------------------------------------------------------- streams

namespace {

StreamOptions short_stream() {
  StreamOptions options;  // for a model of 1000 frames
  options.hop = 0.008;
  options.lookahead = 0.004;
  options.crossfade = 0.002;
  options.compute_time = 0.02;
  return options;
}

/// Renders some windows of sound.
void render(StreamEngine& stream) {
  std::array<std::vector<float>, 2> mix{std::vector<float>(2000, 0.25F), std::vector<float>(2000, 0.5F)};
  std::vector<std::vector<float>> out(4, std::vector<float>(2000));
  const std::array<const float*, 2> in{mix[0].data(), mix[1].data()};
  const std::array<float*, 4> rows{out[0].data(), out[1].data(), out[2].data(), out[3].data()};
  const std::array<float* const*, 2> stems{rows.data(), rows.data() + 2};
  stream.render(in.data(), stems.data(), 2000);
}

}  // namespace

TEST(AllocationFailure, StartingAStream) {
  const auto model = load_for_decks("gains.onnx");
  EXPECT_GT(fail_every_allocation(throws_bad_alloc([&] { Stream(model, short_stream()); })), 20);
}

TEST(AllocationFailure, AStreamsWorkerTellsAndGoesOn) {
  const auto model = load_for_decks("gains.onnx");
  std::atomic<long> next{never};
  const Infer infer = [&](const float* mix, float* stems) {
    left = next.exchange(never);  // of the worker's thread
    model->run(mix, 1, stems);
  };
  StreamEngine stream(model->info(), short_stream(), StemMixing(model->info(), {}), infer);
  long n = 0;
  for (bool failed = true; failed && !HasFailure(); n += failed ? 1 : 0) {
    next = n;
    failed = throws_bad_alloc([&] { render(stream); })();
    if (failed) {
      EXPECT_EQ(stream.failure(), "there is not enough memory") << "allocation " << n + 1;
    }
  }
  EXPECT_GT(n, 1);
  render(stream);
}

TEST(AllocationFailure, AStreamHasNoMemoryForTheReasonOfAFailure) {
  const auto reason = std::make_exception_ptr(std::runtime_error(std::string(100, 'x')));
  std::atomic<bool> fails{false};
  const Infer infer = [&](const float*, float*) {
    if (!fails.exchange(false)) return;
    left = 0;
    std::rethrow_exception(reason);
  };
  const auto model = load_for_decks("gains.onnx");
  StreamEngine stream(model->info(), short_stream(), StemMixing(model->info(), {}), infer);
  fails = true;
  EXPECT_THROW(render(stream), std::runtime_error);
  EXPECT_EQ(stream.failure(), "there is not enough memory");
  render(stream);
}

// ------------------------------------------------------------------------------------------------------ C interface

namespace {

constexpr std::size_t frames = 2500;

struct Buffers {
  std::vector<float> mix = std::vector<float>(2 * frames, 0.25F);
  std::vector<float> stems = std::vector<float>(4 * frames);
  std::array<const float*, 2> mix_rows{mix.data(), mix.data() + frames};
  std::array<float*, 4> stem_rows{stems.data(), stems.data() + frames, stems.data() + 2 * frames,
                                  stems.data() + 3 * frames};
  std::array<float* const*, 2> stem_list{stem_rows.data(), stem_rows.data() + 2};
};

demucs_ort_model* load_model() {
  demucs_ort_model* model = nullptr;
  EXPECT_EQ(demucs_ort_model_load(TEST_MODELS "/gains.onnx", nullptr, &model), DEMUCS_ORT_OK);
  return model;
}

bool is_out_of_memory(demucs_ort_status status) { return status == DEMUCS_ORT_OUT_OF_MEMORY; }

}  // namespace

TEST(AllocationFailure, HandlesOfTheCInterface) {
  demucs_ort_model* model = load_model();
  demucs_ort_separator* separator = nullptr;
  demucs_ort_cancel* cancel = nullptr;
  EXPECT_GT(fail_every_allocation([&] { return is_out_of_memory(demucs_ort_cancel_create(&cancel)); }), 1);
  demucs_ort_separator_options options;
  EXPECT_EQ(demucs_ort_separator_options_init(&options, sizeof options), DEMUCS_ORT_OK);
  options.residual_to = "drums";
  const auto create = [&] { return is_out_of_memory(demucs_ort_separator_create(model, &options, &separator)); };
  EXPECT_GT(fail_every_allocation(create, [&] { EXPECT_EQ(separator, nullptr); }), 20);
  ASSERT_NE(separator, nullptr);
  demucs_ort_cancel_free(cancel);
  demucs_ort_model_free(model);
  demucs_ort_separator_free(separator);
}

TEST(AllocationFailure, SeparatingThroughTheCInterface) {
  demucs_ort_model* model = load_model();
  demucs_ort_separator* separator = nullptr;
  ASSERT_EQ(demucs_ort_separator_create(model, nullptr, &separator), DEMUCS_ORT_OK);
  Buffers buffers;
  const auto separate = [&] {
    return demucs_ort_separate(separator, buffers.mix_rows.data(), frames, buffers.stem_list.data(), nullptr, nullptr,
                               nullptr);
  };
  const auto again = [&] {
    EXPECT_EQ(separate(), DEMUCS_ORT_OK);
    EXPECT_EQ(buffers.stems.back(), 0.25F);
  };
  EXPECT_GT(fail_every_allocation([&] { return is_out_of_memory(separate()); }, again), 20);
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
}

TEST(AllocationFailure, OfTheLog) {
  demucs_ort_model_free(load_model());  // ONNX Runtime itself is loaded once
  std::size_t messages = 0;
  const auto callback = [](void* count, std::int32_t, const char*) { ++*static_cast<std::size_t*>(count); };
  const auto listen = [&] { return is_out_of_memory(demucs_ort_set_log(DEMUCS_ORT_LOG_INFO, callback, &messages)); };
  fail_every_allocation(listen);
  // For want of memory a message is lost, and nothing else.
  for (long n = 0; messages == 0 && n < 1000; ++n) {
    has_failed = false;
    left = n;
    log(LogLevel::info, [] { return std::string(100, 'x'); });
    left = never;
    EXPECT_NE(messages == 1, has_failed);
  }
  EXPECT_EQ(messages, 1U);
  const auto load_cancellable = [&] {
    ModelOptions options;
    options.cancel = CancelToken();
    Model::load(std::filesystem::path(TEST_MODELS) / "gains.onnx", options)->memory_estimate();
  };
  load_cancellable();
  EXPECT_EQ(messages, 2U);
  EXPECT_EQ(demucs_ort_set_log(DEMUCS_ORT_LOG_OFF, nullptr, nullptr), DEMUCS_ORT_OK);
}

TEST(AllocationFailure, LoadingThroughTheCInterface) {
  demucs_ort_model* model = load_model();  // ONNX Runtime itself is loaded once
  demucs_ort_model_free(model);
  model = nullptr;
  demucs_ort_model_options options;
  ASSERT_EQ(demucs_ort_model_options_init(&options, sizeof options), DEMUCS_ORT_OK);
  options.threads = 2;
  options.low_priority = 1;  // the library then starts the threads
  const auto load = [&] {
    return is_out_of_memory(demucs_ort_model_load(TEST_MODELS "/gains.onnx", &options, &model));
  };
  EXPECT_GT(fail_every_allocation(load, [&] { EXPECT_EQ(model, nullptr); }), 20);
  ASSERT_NE(model, nullptr);
  demucs_ort_model_free(model);
}
