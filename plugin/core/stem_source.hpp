#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/joining_thread.hpp"
#include "core/latency_profile.hpp"
#include "core/mix_delay.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/stream.hpp"

namespace demucs_ort::plugin {

/// What a stem source is doing, or why it delivers the mix. The numbers are those of the hosts' sessions.
enum class SourceState {
  inactive = 0,     ///< before the first `activate`
  loading = 1,      ///< until the model is loaded
  separating = 2,   ///< stems come, or will as soon as the latency is over
  no_model = 3,     ///< the file is missing, or is no model
  wrong_model = 4,  ///< the model has not the plug-in's stems, or is not stereo at 44.1 kHz
  no_runtime = 5,   ///< no ONNX Runtime was found
  bad_rate = 6,     ///< the host's sample rate is below 8 kHz, above 192 kHz or no whole number
  failed = 7,       ///< the model failed, or there is not enough memory; `problem` says more
};

/// Stems of audio that arrives, at a constant latency, whatever becomes of the model: as long as there are no stems it
/// delivers the mix, as late as the stems, a quarter in each of them. It loads models on a thread of its own and then
/// changes over to them without a click.
///
///     mix ──┬──▶ MixDelay ───────────────┐
///           │                            ├──▶ stems (faded from one to the other)
///           └──▶ Stream, once there is ──┘
class StemSource {
 public:
  /// Starts the thread. Throws `Error` runtime_failed if the system has no more threads.
  StemSource();
  ~StemSource();
  StemSource(const StemSource&) = delete;
  StemSource& operator=(const StemSource&) = delete;

  /// Separates with this model from now on (`model_file`). Returns at once. Thread: any but the audio thread.
  void set_model(const std::string& name);
  /// The name that was given last. Thread: any but the audio thread.
  std::string model() const;
  /// Returns at once; the latency changes when stems of the new one are there. Thread: any; real-time safe.
  void set_profile(LatencyProfile profile) noexcept { profile_.store(profile, std::memory_order_relaxed); }
  /// The next frame is the first, at this rate, with the latency of the present profile. Thread: any but the audio
  /// thread, which must not be in `process`.
  void activate(double sample_rate);
  /// Takes mix[channel][frame] and delivers stems[stem][channel][frame], both in stereo; `stems` may hold buffers of
  /// `mix`, and null for what nobody hears. With `wait` it waits for the model and for every stem, for programs that
  /// are faster or slower than real time; without, nobody is waited for. Thread: audio; real-time safe without `wait`.
  void process(const float* const* mix, float* const* const* stems, std::size_t frames, bool wait) noexcept;

  /// From a frame of the mix to its stems, as it is now. Thread: any; real-time safe, as the three that follow.
  std::size_t latency() const noexcept { return latency_.load(std::memory_order_relaxed); }
  SourceState state() const noexcept { return state_.load(std::memory_order_relaxed); }
  /// Hops of stems that came too late, or not at all, since the last `activate`.
  std::uint64_t underruns() const noexcept { return underruns_.load(std::memory_order_relaxed); }
  /// Share of the time that computing takes; above 1 the machine is too slow.
  double load() const noexcept { return load_.load(std::memory_order_relaxed); }
  /// One sentence of what is wrong; empty: nothing. Thread: any but the audio thread.
  std::string problem() const;

 private:
  struct Wanted {
    std::string model;
    int sample_rate = 0;
    bool rate_is_taken = true;
    LatencyProfile profile = LatencyProfile::live;
    bool operator==(const Wanted& other) const noexcept {
      return model == other.model && sample_rate == other.sample_rate && rate_is_taken == other.rate_is_taken &&
             profile == other.profile;
    }
  };
  /// What delivers stems: a stream, or without one the delayed mix.
  struct Source {
    Wanted made_for;
    std::size_t latency = 0;
    std::unique_ptr<Stream> stream;
    std::uint64_t heard = 0;              // frames since it began
    std::uint64_t earlier_underruns = 0;  // of its stream, when it began

    bool is_warm() const noexcept { return !stream || heard >= latency; }
  };

  // The loader's.
  void work() noexcept;
  std::unique_ptr<Source> make(const Wanted& wanted, const CancelToken& cancel) noexcept;
  std::unique_ptr<Stream> make_stream(const Wanted& wanted, const CancelToken& cancel);
  void say(SourceState state, const std::string& problem) noexcept;
  void look_for_failure() noexcept;
  bool is_wanted(const Wanted& wanted) const noexcept;

  // The audio thread's.
  void wait_for_source() noexcept;
  void take_source() noexcept;
  void retire_playing() noexcept;
  std::size_t frames_until_change(std::size_t frames) const noexcept;
  void produce(Source& source, float* const* const* stems, std::size_t frames, bool wait) noexcept;
  void fade(float* const* const* stems, std::size_t frames) noexcept;

  static constexpr std::size_t chunk = 512;  // frames; longer blocks are taken in parts
  using StereoChunk = std::array<std::array<float, chunk>, 2>;

  // The audio thread's own, and `activate`'s.
  MixDelay delay_;
  std::unique_ptr<Source> playing_;
  std::unique_ptr<Source> coming_;  // hears the mix already, and takes over once it is warm
  std::size_t faded_ = 0;           // frames of the fade from playing_ to coming_
  std::size_t fade_frames_ = 1;
  std::uint64_t elapsed_ = 0;
  std::uint64_t finished_underruns_ = 0;  // of sources that are gone
  StereoChunk mix_{};
  std::array<StereoChunk, stem_names.size()> coming_stems_{};
  std::array<float, chunk> unheard_{};

  std::atomic<LatencyProfile> profile_{LatencyProfile::live};
  std::atomic<Source*> ready_{nullptr};    // from the loader to the audio thread
  std::atomic<Source*> retired_{nullptr};  // and back
  std::atomic<std::size_t> latency_;
  std::atomic<std::uint64_t> underruns_{0};
  std::atomic<double> load_{0.0};
  std::atomic<SourceState> state_{SourceState::inactive};

  mutable std::mutex mutex_;  // guards what follows; `process` takes it only if it waits
  std::condition_variable changed_;
  bool stop_ = false;
  bool started_ = false;
  Wanted wanted_;  // but for its profile, which is profile_
  Wanted made_;    // the last that the loader has tried
  bool any_made_ = false;
  CancelToken cancel_;              // of what is being loaded
  const Stream* newest_ = nullptr;  // of the last source made: where failures come from
  std::string problem_;
  JoiningThread loader_;  // last: the first to go
};

}  // namespace demucs_ort::plugin
