#include "demucs_ort/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <ios>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "demucs_ort/separator.hpp"
#include "model/onnxruntime_library.hpp"
#include "status_of.hpp"

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

using namespace demucs_ort;

namespace {

std::filesystem::path path_of(const std::string& name) { return std::filesystem::path(TEST_MODELS) / name; }

std::vector<char> bytes_of(const std::string& name) {
  std::ifstream file(path_of(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<float> noise(std::size_t size) {
  std::vector<float> samples;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525U + 1013904223U;
    samples.push_back(static_cast<float>(state >> 8) / 16777216.0F - 0.5F);
  }
  return samples;
}

std::string refusal(const std::string& name) {
  try {
    Model::load(path_of(name));
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::bad_model) << name;
    return error.what();
  }
  return "(accepted)";
}

}  // namespace

TEST(Model, RunsABatch) {
  const auto model = Model::load(path_of("gains.onnx"));
  EXPECT_EQ(model->info().name, "gains");
  EXPECT_EQ(model->provider(), "cpu");
  EXPECT_FALSE(model->runtime_version().empty());
  const auto mix = noise(2 * 2 * 1000);
  std::vector<float> stems(2 * mix.size());
  model->run(mix.data(), 2, stems.data());
  for (std::size_t b = 0; b < 2; ++b) {
    for (std::size_t i = 0; i < 2000; ++i) {
      ASSERT_FLOAT_EQ(stems[b * 4000 + i], 0.75F * mix[b * 2000 + i]);
      ASSERT_FLOAT_EQ(stems[b * 4000 + 2000 + i], 0.25F * mix[b * 2000 + i]);
    }
  }
  EXPECT_THROW(model->run(mix.data(), 0, stems.data()), Error);
}

TEST(Model, LoadsFromMemoryThatIsFreedAfterwards) {
  std::shared_ptr<const Model> model;
  {
    const auto bytes = bytes_of("gains.onnx");
    model = Model::load(bytes.data(), bytes.size());
  }
  const auto mix = noise(2000);
  std::vector<float> stems(4000);
  model->run(mix.data(), 1, stems.data());
  EXPECT_FLOAT_EQ(stems[1234], 0.75F * mix[1234]);
}

TEST(Model, RefusesFilesThatAreNoModel) {
  for (const char* name : {"nowhere.onnx", "truncated.onnx", "garbage.onnx", "empty.onnx"}) {
    EXPECT_NE(refusal(name).find(name), std::string::npos) << refusal(name);
  }
  EXPECT_NE(refusal("no_sources.onnx").find("demucs_ort.sources"), std::string::npos);
  EXPECT_NE(refusal("wrong_shape.onnx").find("1001"), std::string::npos);
  EXPECT_THROW(Model::load(TEST_MODELS), Error);
  EXPECT_THROW(Model::load(nullptr, 0), Error);
}

TEST(Model, TellsOfEveryLibraryWhyItIsNoOnnxRuntime) {
  std::ofstream(testing::TempDir() + "text.so") << "no library";
  const auto check = [](void*) -> std::string { return "is never good enough"; };
  try {
    load_onnxruntime({"/nowhere/at/all.so", testing::TempDir() + "text.so"}, check);
    FAIL() << "one was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::runtime_missing);
    for (const char* part : {"/nowhere/at/all.so", "text.so", "DEMUCS_ORT_ONNXRUNTIME"}) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(Model, IsNotLoadedWithATokenThatWasRequested) {
  ModelOptions options;
  options.cancel.request();
  const auto bytes = bytes_of("gains.onnx");
  for (const char* name : {"gains.onnx", "specialists.json"}) {
    EXPECT_EQ(status_of([&] { Model::load(path_of(name), options); }), Status::cancelled);
  }
  EXPECT_EQ(status_of([&] { Model::load(bytes.data(), bytes.size(), options); }), Status::cancelled);
}

TEST(Model, StopsLoadingInsideOnnxRuntime) {
  const auto said_while_loading = [](const ModelOptions& options, bool cancels) {
    std::size_t said = 0;
    set_log(LogLevel::debug, [&](LogLevel, const std::string& message) {
      if (message.starts_with("ONNX Runtime: ") && ++said == 1 && cancels) options.cancel.request();
    });
    if (cancels) {
      try {
        Model::load(path_of("slow.onnx"), options);
        ADD_FAILURE() << "loaded";
      } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::cancelled);
        EXPECT_STREQ(error.what(), "the loading of the model was cancelled");
      }
    } else {
      Model::load(path_of("slow.onnx"), options);
    }
    set_log(LogLevel::off);
    return said;
  };
  said_while_loading({}, false);  // the first load of a process is told more
  const std::size_t all = said_while_loading({}, false);
  ModelOptions options;
  options.provider = "auto";  // does not take the cancelling for a reason to try the next
  const std::size_t until_cancelled = said_while_loading(options, true);
  EXPECT_GT(until_cancelled, 0U);
  const bool can_be_interrupted = !Model::load(path_of("gains.onnx"))->runtime_version().starts_with("1.21.");
  EXPECT_EQ(until_cancelled < all, can_be_interrupted) << "ONNX Runtime said " << until_cancelled << " of " << all;
  EXPECT_EQ(said_while_loading({}, false), all) << "the next load is another one";
}

TEST(Model, ForgetsTheTokenOfLoading) {
  ModelOptions options;
  const auto model = Model::load(path_of("specialists.json"), options);
  options.cancel.request();
  EXPECT_NO_THROW(model->prepare());
}

TEST(Model, EstimatesItsMemory) {
  ModelOptions options;
  options.max_concurrent_runs = 3;
  options.max_batch = 2;
  const auto memory = Model::load(path_of("gains.onnx"), options)->memory_estimate();
  EXPECT_EQ(memory.per_run, 20U * 2 * 2 * 2 * 1000 * 4);  // tensors alive, segments, stems, channels, frames, bytes
  EXPECT_EQ(memory.loaded, (16U << 20U) + 16);
  EXPECT_EQ(memory.total, memory.loaded + 3 * memory.per_run);
  const auto bytes = bytes_of("gains.onnx");
  EXPECT_EQ(Model::load(bytes.data(), bytes.size(), options)->memory_estimate().loaded, memory.loaded);
  const auto bag = Model::load(path_of("specialists.json"), options);
  EXPECT_EQ(bag->memory_estimate().loaded, 2 * memory.loaded) << "also of members that are not loaded yet";
}

TEST(Bag, EveryStemComesFromItsSpecialist) {
  const auto model = Model::load(path_of("specialists.json"));
  EXPECT_EQ(model->info().name, "bag");
  EXPECT_EQ(model->info().members, (std::vector<std::string>{"gains.onnx", "other.onnx"}));
  EXPECT_FALSE(model->runtime_version().empty());
  const auto mix = noise(2 * 2000);
  std::vector<float> stems(2 * mix.size());
  model->run(mix.data(), 2, stems.data());
  for (std::size_t b = 0; b < 2; ++b) {
    for (std::size_t i = 0; i < 2000; ++i) {
      ASSERT_FLOAT_EQ(stems[b * 4000 + i], 0.75F * mix[b * 2000 + i]);
      ASSERT_FLOAT_EQ(stems[b * 4000 + 2000 + i], -1.0F * mix[b * 2000 + i]);
    }
  }
}

TEST(Bag, RunsAsManyAtATimeAsASingleModel) {
  ModelOptions options;
  options.threads = 16;
  for (const char* provider : {"cpu", "auto"}) {
    options.provider = provider;
    EXPECT_EQ(Model::load(path_of("gains.onnx"), options)->max_concurrent_runs(), 4U) << provider;
    EXPECT_EQ(Model::load(path_of("specialists.json"), options)->max_concurrent_runs(), 4U) << provider;
  }
}

TEST(Bag, TakesTheOptionsOfAProviderThatAutoDoesNotFind) {
  ModelOptions options;
  options.provider = "auto";
  options.provider_options = {{"device_id", "0"}};
  const auto model = Model::load(path_of("specialists.json"), options);
  EXPECT_EQ(model->provider(), "auto");  // nothing is loaded yet
  model->prepare();
  EXPECT_EQ(model->provider(), "cpu");
}

#ifndef _WIN32
TEST(Bag, RunsALoadedMemberWhileAnotherLoads) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "a_member_that_loads_for_ever";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const char* name : {"specialists.json", "gains.onnx", "other.onnx"}) {
    std::filesystem::copy(path_of(name), folder / name);
  }
  ModelOptions options;
  options.max_concurrent_runs = 2;
  const auto model = Model::load(folder / "specialists.json", options);
  const SourceMask drums{true, false}, bass{false, true};
  model->prepare(drums);
  // Whoever reads a named pipe waits for one who writes.
  const auto slow = folder / "other.onnx";
  std::filesystem::remove(slow);
  ASSERT_EQ(mkfifo(slow.c_str(), 0600), 0);
  CancelToken cancel, cancel_other;
  auto loading = std::async(std::launch::async, [&] { model->prepare(bass, cancel); });
  const int writer = open(slow.c_str(), O_WRONLY);  // returns as soon as somebody reads
  auto waiting = std::async(std::launch::async, [&] { model->prepare(bass, cancel_other); });
  cancel_other.request();  // whoever waits until the other one has loaded it does not wait any longer
  EXPECT_EQ(status_of([&] { waiting.get(); }), Status::cancelled);
  const auto mix = noise(2000);
  std::vector<float> stems(4000);
  auto playing = std::async(std::launch::async, [&] { model->run(mix.data(), 1, stems.data(), {{}, drums}); });
  EXPECT_EQ(playing.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(model->provider(), "cpu");
  cancel.request();
  close(writer);
  playing.get();
  EXPECT_FLOAT_EQ(stems[1234], 0.75F * mix[1234]);
  EXPECT_EQ(status_of([&] { loading.get(); }), Status::cancelled);
  std::filesystem::remove(slow);
  std::filesystem::copy(path_of("other.onnx"), slow);
  model->prepare(bass);  // nothing is left of it
  std::filesystem::remove_all(folder);
}
#endif

TEST(Bag, WeightsAreNormalisedByStem) {
  const auto model = Model::load(path_of("weighted.json"));
  const auto mix = noise(2000);
  std::vector<float> stems(4000);
  model->run(mix.data(), 1, stems.data());
  EXPECT_FLOAT_EQ(stems[77], (0.75F + 0.5F) / 2 * mix[77]);
  EXPECT_FLOAT_EQ(stems[2077], (3 * 0.25F - 1.0F) / 4 * mix[77]);
}

TEST(Bag, LoadsOnlyTheMembersThatTheWantedStemsNeed) {
  const auto model = Model::load(path_of("half_broken.json"));
  SeparatorOptions options;
  options.stems = {"drums"};
  const auto samples = noise(2 * 3000);
  const float* mix[] = {samples.data(), samples.data() + 3000};
  std::vector<float> out(2 * 3000);
  float* rows[] = {out.data(), out.data() + 3000};
  float* const* stems[] = {rows};
  Separator(model, options).separate(mix, 3000, stems);
  EXPECT_NEAR(out[1234], 0.75F * samples[1234], 1e-3);
  options.stems = {"bass"};
  EXPECT_THROW(Separator(model, options), Error);
  options.stems = {};
  options.two_stems = "drums";
  EXPECT_THROW(Separator(model, options), Error) << "no_drums is made of bass";
  options.other_method = OtherMethod::minus;
  EXPECT_NO_THROW(Separator(model, options)) << "no_drums is made of the mix";
  EXPECT_THROW(model->prepare({true}), Error);
}

TEST(Bag, RefusesDescriptionsThatCannotBeRight) {
  const std::pair<const char*, const char*> cases[] = {{"garbage.json", "JSON"},
                                                       {"list.json", "JSON"},
                                                       {"single.json", "single model"},
                                                       {"no_members.json", "no members"},
                                                       {"no_sources.json", "model_name"},
                                                       {"missing_member.json", "nowhere.onnx"},
                                                       {"outside.json", "beside it"},
                                                       {"few_weights.json", "one weight for every source"},
                                                       {"no_weight.json", "'bass' add up to nothing"},
                                                       {"text_weight.json", "sensible number"}};
  for (const auto& [name, word] : cases) {
    const auto sentence = refusal(name);
    EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
    EXPECT_NE(sentence.find(name), std::string::npos) << sentence;
  }
}

TEST(Bag, RefusesAMemberOfOtherWeights) {
  const auto model = Model::load(path_of("mixed_up.json"));
  try {
    model->prepare();
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::bad_model);
    EXPECT_NE(std::string(error.what()).find("wrong_weights.onnx"), std::string::npos);
  }
}

TEST(Model, NeverReadsWhatAFileRefersToOutsideOfItself) {
  for (const char* name : {"external_file", "external_parent", "external_absolute", "external_memory",
                           "external_constant", "external_branch", "external_context"}) {
    const std::string file = std::string(name) + ".onnx";
    EXPECT_NE(refusal(file).find("outside of its file"), std::string::npos) << refusal(file);
    const auto bytes = bytes_of(file);
    EXPECT_THROW(Model::load(bytes.data(), bytes.size()), Error) << name;
  }
}

TEST(Model, RefusesSizesNobodyNeedsBeforeAllocatingByThem) {
  EXPECT_NE(refusal("huge_segment.onnx").find("2147483000 frames are more"), std::string::npos);
  EXPECT_NE(refusal("many_sources.onnx").find("65 sources"), std::string::npos);
  EXPECT_NE(refusal("huge_rate.onnx").find("2000000000 Hz"), std::string::npos);
  EXPECT_NE(refusal("escape.onnx").find("control characters"), std::string::npos);
}

TEST(Model, RefusesAnUnknownProvider) {
  ModelOptions options;
  options.provider = "abacus";
  try {
    Model::load(path_of("gains.onnx"), options);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::invalid_argument);
  }
}

TEST(Model, RefusesALibraryThatHasNoProviders) {
  ModelOptions options;
  for (const auto& library : {std::filesystem::path("nowhere.so"), path_of("gains.onnx")}) {
    options.provider_library = library;
    for (const char* provider : {"cpu", "auto", "webgpu"}) {  // nor does "auto" pass over what was named
      options.provider = provider;
      try {
        Model::load(path_of("gains.onnx"), options);
        FAIL() << "accepted " << library;
      } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::runtime_missing);
      }
    }
    EXPECT_THROW(Model::available_providers(options), Error);
  }
}

TEST(Model, CancelStopsInsideASegmentAndLeavesTheModelUsable) {
  const auto model = Model::load(path_of("endless.onnx"));
  auto mix = noise(2 * 1000);
  const float kept = std::exchange(mix[5], 2.0F);  // so loud that the run has no end
  std::vector<float> stems(2 * mix.size());
  const CancelToken cancel;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.request();
  });
  try {
    model->run(mix.data(), 1, stems.data(), {cancel, {}, Priority::normal});
    ADD_FAILURE() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::cancelled);
  }
  stopper.join();
  mix[5] = kept;
  model->run(mix.data(), 1, stems.data());
  EXPECT_FLOAT_EQ(stems[7], 0.75F * mix[7]);
}

TEST(Model, FourSeparationsAtOnceGiveTheBitsOfOne) {
  constexpr std::size_t frames = 3000;
  const auto samples = noise(2 * frames);
  const float* mix[] = {samples.data(), samples.data() + frames};
  const auto separate = [&](const std::shared_ptr<const Model>& model, Priority priority) {
    SeparatorOptions options;
    options.priority = priority;
    std::vector<float> out(4 * frames);
    float* rows[] = {out.data(), out.data() + frames, out.data() + 2 * frames, out.data() + 3 * frames};
    float* const* stems[] = {rows, rows + 2};
    Separator(model, options).separate(mix, frames, stems);
    return out;
  };
  ModelOptions options;
  options.threads = 1;
  const auto alone = separate(Model::load(path_of("slow.onnx"), options), Priority::normal);
  for (const unsigned runs : {1U, 2U}) {
    options.max_concurrent_runs = runs;
    const auto model = Model::load(path_of("slow.onnx"), options);
    const Priority priorities[] = {Priority::background, Priority::normal, Priority::normal, Priority::foreground};
    std::vector<std::vector<float>> results(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { results[i] = separate(model, priorities[i]); });
    for (auto& thread : threads) thread.join();
    for (const auto& result : results) EXPECT_EQ(result, alone) << runs << " runs";
  }
  options.max_concurrent_runs = 65;
  EXPECT_THROW(Model::load(path_of("gains.onnx"), options), Error);
}

namespace {

/// `count` segments in one call, from segment `first` of some noise on.
std::vector<float> run_segments(const Model& model, std::size_t first, std::size_t count) {
  static const auto mix = noise(10 * 2000);
  std::vector<float> stems(count * 4000);
  model.run(mix.data() + first * 2000, count, stems.data());
  return stems;
}

}  // namespace

TEST(Model, ComputesBatchesOfAnySizeAsSingleSegments) {
  const auto single = Model::load(path_of("ramp.onnx"));
  EXPECT_EQ(single->max_batch(), 1U);
  std::vector<float> expected;
  for (std::size_t i = 0; i < 10; ++i) {
    const auto one = run_segments(*single, i, 1);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  for (const unsigned batch : {2U, 3U, 4U, 64U}) {
    ModelOptions options;
    options.max_batch = batch;
    const auto model = Model::load(path_of("ramp.onnx"), options);
    EXPECT_EQ(model->max_batch(), batch);
    for (std::size_t count = 1; count <= 10; ++count) {
      const std::vector<float> part(expected.data(), expected.data() + count * 4000);
      EXPECT_EQ(run_segments(*model, 0, count), part) << count << " by " << batch;
    }
  }
}

TEST(Model, TakesSmallerBatchesWhenMemoryIsShort) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer ends the program that asks for so much memory";
#endif
  ModelOptions options;
  options.max_batch = 8;
  const auto model = Model::load(path_of("hungry.onnx"), options);
  EXPECT_EQ(run_segments(*model, 0, 9), run_segments(*Model::load(path_of("ramp.onnx")), 0, 9));
  EXPECT_EQ(model->max_batch(), 2U);
}

TEST(Model, RefusesBatchesThatAreNotPossible) {
  ModelOptions options;
  options.max_batch = 65;
  EXPECT_THROW(Model::load(path_of("gains.onnx"), options), Error);
  options.max_batch = 2;
  try {
    Model::load(path_of("static.onnx"), options);
    ADD_FAILURE() << "a batch for a file of one segment";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("--static-batch"), std::string::npos) << error.what();
  }
  options.max_batch = 0;
  EXPECT_EQ(Model::load(path_of("static.onnx"), options)->max_batch(), 1U);
}

TEST(Model, LowPriorityChangesNoResult) {
  ModelOptions options;
  options.low_priority = true;
  options.threads = 2;
  const auto mix = noise(2000);
  std::vector<float> stems(4000);
  Model::load(path_of("gains.onnx"), options)->run(mix.data(), 1, stems.data());
  EXPECT_FLOAT_EQ(stems[1999], 0.75F * mix[1999]);
}

TEST(Model, AutoTakesWhatIsThere) {
  ModelOptions options;
  options.provider = "auto";
  const auto model = Model::load(path_of("gains.onnx"), options);
  const auto offered = Model::available_providers();
  EXPECT_NE(std::find(offered.begin(), offered.end(), model->provider()), offered.end());
  EXPECT_EQ(offered.back(), "cpu");
}

TEST(Model, CpuTakesNoProviderOptions) {
  ModelOptions options;
  options.provider_options = {{"device_id", "0"}};
  EXPECT_THROW(Model::load(path_of("gains.onnx"), options), Error);
}

TEST(Model, OneSeparatorServesManyTracks) {
  Separator separator(Model::load(path_of("gains.onnx")));
  EXPECT_EQ(separator.stems(), (std::vector<std::string>{"drums", "bass"}));
  for (const std::size_t frames : {3000U, 10U, 1000U}) {
    const auto samples = noise(2 * frames);
    const float* mix[] = {samples.data(), samples.data() + frames};
    std::vector<float> out(4 * frames);
    float* rows[] = {out.data(), out.data() + frames, out.data() + 2 * frames, out.data() + 3 * frames};
    float* const* stems[] = {rows, rows + 2};
    separator.separate(mix, frames, stems);
    double mean = 0;
    for (const float sample : samples) mean += static_cast<double>(sample) / static_cast<double>(samples.size());
    for (std::size_t i = 0; i < frames; ++i) ASSERT_NEAR(out[i], 0.75 * (samples[i] - mean) + mean, 1e-6);
  }
}
