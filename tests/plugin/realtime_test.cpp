// The plug-in in all formats on an audio thread that aborts on memory, locks and system calls, while the main thread
// does what hosts do.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "../cpp/audio_thread_guard.hpp"
#include "host_fixture.hpp"
#include "plugin_host.hpp"

using namespace plugin_host;

namespace {

using Realtime = Plugin;

/// A host's audio thread. It plays one block a millisecond, of one length after the other.
class AudioThread {
 public:
  AudioThread(Instance& instance, std::uint32_t outputs, bool in_place)
      : thread_([this, &instance, outputs, in_place] { play(instance, outputs, in_place); }) {}
  ~AudioThread() {
    stop_ = true;
    thread_.join();
  }
  AudioThread(const AudioThread&) = delete;
  AudioThread& operator=(const AudioThread&) = delete;

  std::uint64_t blocks() const { return blocks_; }
  bool all_finite() const { return all_finite_; }

 private:
  static constexpr std::array<std::uint32_t, 10> lengths{64, 64, 1, 16, 0, 441, 64, 4096, 63, 512};

  void play(Instance& instance, std::uint32_t outputs, bool in_place) {
    const Audio mix = make_mix(4096, 44100);
    Audio buffers(2 + outputs, std::vector<float>(4096));
    float* rows[10];
    for (std::size_t i = 0; i < buffers.size(); ++i) rows[i] = buffers[i].data();
    const float* const in[] = {rows[0], rows[1]};
    float* const* const out = in_place ? rows : rows + 2;
    while (!stop_) {
      const std::uint32_t frames = lengths[blocks_ % lengths.size()];
      for (std::size_t c = 0; c < 2; ++c) std::copy_n(mix[c].data(), frames, rows[c]);
      {
        const AudioThreadGuard guard;
        instance.process(in, out, frames);
      }
      for (std::size_t c = 0; c < outputs; ++c) {
        for (std::uint32_t i = 0; i < frames; ++i) {
          if (!std::isfinite(out[c][i])) all_finite_ = false;
        }
      }
      ++blocks_;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<bool> all_finite_{true};
  std::atomic<std::uint64_t> blocks_{0};
  std::thread thread_;  // last: it uses the others
};

/// Until it is so, for at most two minutes; meanwhile the main thread is idle as in a host.
bool comes(Instance& instance, const std::function<bool()>& is_so) {
  for (int i = 0; i < 12000 && !is_so(); ++i) {
    instance.idle();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return is_so();
}

void wait_for_blocks(Instance& instance, const AudioThread& audio, std::uint64_t more) {
  const std::uint64_t wanted = audio.blocks() + more;
  EXPECT_TRUE(comes(instance, [&] { return audio.blocks() >= wanted; }));
}

}  // namespace

TEST_P(Realtime, TheAudioThreadOnlyComputes) {
  for (const double rate : {44100, 48000, 192000}) {
    const bool in_place = rate == 48000;
    const auto instance = create("");  // the demo model: it is still loading when the first blocks come
    instance->activate(rate, 4096);
    AudioThread audio(*instance, outputs(), in_place);
    wait_for_blocks(*instance, audio, 20);
    EXPECT_TRUE(comes(*instance, [&] { return instance->get("State") == separating; }));
    wait_for_blocks(*instance, audio, 50);
    const std::uint32_t latency = instance->latency();
    instance->set("Latency", 1);
    instance->choose_model(band);
    EXPECT_TRUE(comes(*instance, [&] { return instance->latency() != latency; })) << "the safe one";
    for (int round = 0; round < 6; ++round) {
      if (instance->has("Drums")) {
        instance->set("Drums", static_cast<float>(-round));
        instance->set("Bass mute", static_cast<float>(round % 2));
        instance->set("Vocals solo", static_cast<float>(round % 3 == 0));
      }
      const std::string state = instance->save();
      instance->choose_model(round % 3 == 0 ? models + "/nowhere.onnx" : band);
      if (format() != Format::lv2 && round % 4 == 0) instance->restore(state);  // an LV2 host may not, while it runs
      instance->set("Latency", static_cast<float>(round % 2));
      wait_for_blocks(*instance, audio, 20);
    }
    EXPECT_TRUE(audio.all_finite());
    EXPECT_EQ(instance->wrong_calls(), 0);
  }
}

ALL_PLUGINS(Realtime);

TEST(Realtime, TheGuardSeesSystemCalls) {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
  EXPECT_TRUE(AudioThreadGuard::sees_system_calls());
#endif
}
