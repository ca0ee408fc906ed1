// Hosts load plug-ins to look at them, and unload them. A program of its own, so that threads and memory are the
// plug-in's.
#include <gtest/gtest.h>
#include <malloc.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "host_fixture.hpp"
#include "plugin_host.hpp"

using namespace plugin_host;

namespace {

const bool no_reports = setenv("ORT_DISABLE_TELEMETRY", "1", 1) == 0;  // ONNX Runtime's thread for its maker

long threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

/// One that was joined is listed for a moment longer.
bool become(long wanted) {
  for (int i = 0; i < 3000 && threads() != wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return threads() == wanted;
}

// One heap for all threads, so that how they run does not matter for its size.
const bool one_heap = mallopt(M_ARENA_MAX, 1) == 1;

/// In MiB: what lies in memory and belongs to this process alone.
double private_memory() {
  malloc_trim(0);
  std::ifstream lines("/proc/self/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("RssAnon:", 0) == 0) return std::stod(line.substr(8)) / 1024;
  }
  return 0;
}

class Loaded : public testing::TestWithParam<std::tuple<Format, Variant>> {
 protected:
  static std::unique_ptr<Host> load_it() {
    return load(built_plugins(), std::get<0>(GetParam()), std::get<1>(GetParam()));
  }
  static std::uint32_t outputs() { return outputs_of(std::get<1>(GetParam())); }

  /// Until the first stems.
  static void play_a_little(Instance& instance) {
    instance.choose_model(band);
    instance.render_offline(true);
    instance.activate(44100, 4096);
    play(instance, make_mix(60000, 44100), outputs());
    EXPECT_EQ(instance.get("State"), separating);
  }
};

}  // namespace

TEST_P(Loaded, ToBeLookedAtLeavesNothing) {
  EXPECT_TRUE(no_reports && one_heap);
  const long before = threads();
  double memory = 0;
  for (int round = 0; round < 60; ++round) {
    if (round == 10) memory = private_memory();
    const auto host = load_it();
    const auto instance = host->create();
    EXPECT_TRUE(std::get<0>(GetParam()) == Format::lv2 || instance->latency() > 0);
    EXPECT_EQ(instance->save(), host->create()->save());
  }
  EXPECT_TRUE(become(before)) << threads() - before;
  EXPECT_LT(private_memory() - memory, 3) << "MiB in 50 rounds";
}

TEST_P(Loaded, ToPlayLeavesNothing) {
  {
    const auto host = load_it();
    play_a_little(*host->create());  // ONNX Runtime stays
  }
  const long before = threads();
  double memory = 0;
  for (int round = 0; round < 12; ++round) {
    if (round == 4) memory = private_memory();
    const auto host = load_it();
    const auto instance = host->create();
    play_a_little(*instance);
  }
  EXPECT_TRUE(become(before)) << threads() - before;
  EXPECT_LT(private_memory() - memory, 8) << "MiB in 8 rounds";
}

INSTANTIATE_TEST_SUITE_P(All, Loaded,
                         testing::Combine(testing::Values(Format::lv2, Format::clap, Format::vst3),
                                          testing::Values(Variant::mixing, Variant::multi_out)),
                         name_of_case);

TEST(Instances, ShareOneModelInAllFormats) {
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<std::unique_ptr<Instance>> instances;
  std::vector<long> more;
  for (const Format format : {Format::clap, Format::vst3, Format::lv2}) {
    for (const Variant variant : {Variant::mixing, Variant::multi_out}) {
      hosts.push_back(load(built_plugins(), format, variant));  // that makes an instance of DPF's own
    }
  }
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const long before = threads();
    auto& instance = *instances.emplace_back(hosts[i]->create());
    instance.choose_model(band);
    instance.render_offline(true);
    instance.activate(44100, 4096);
    play(instance, make_mix(1000, 44100), i % 2 == 0 ? 2 : 8);
    const long workers = i >= 4 ? 1 : 0;  // the LV2 host's own
    more.push_back(threads() - before - workers);
  }
  // Each has a thread that loads models and one that separates; only the first has those of the model, too.
  EXPECT_GE(more.front(), 2);
  EXPECT_TRUE(std::all_of(more.begin() + 1, more.end(), [](long count) { return count == 2; }))
      << testing::PrintToString(more);
}
