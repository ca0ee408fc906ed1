#include "core/stem_source.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/joining_thread.hpp"
#include "core/latency_profile.hpp"
#include "core/model_file.hpp"
#include "core/shared_model.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/stream.hpp"

namespace demucs_ort::plugin {
namespace {

constexpr double fade_seconds = 0.05;
// The audio thread wakes nobody, so the loader looks whether it wants something.
constexpr std::chrono::milliseconds look_interval{50};

/// What is wrong with a model that the library takes.
class WrongModel : public std::exception {
 public:
  explicit WrongModel(std::string why) : why_(std::move(why)) {}
  const char* what() const noexcept override { return why_.c_str(); }

 private:
  std::string why_;
};

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void check(const ModelInfo& info) {
  const auto has = [&](const char* stem) {
    return std::find(info.sources.begin(), info.sources.end(), stem) != info.sources.end();
  };
  // A fifth stem would be heard nowhere.
  if (info.sources.size() != stem_names.size() || !std::all_of(stem_names.begin(), stem_names.end(), has)) {
    throw WrongModel("the model " + info.name + " separates " + list_of(info.sources) +
                     ", but the plug-in needs one of drums, bass, other and vocals; choose another one");
  }
  if (info.channels != 2 || info.sample_rate != 44100) {
    throw WrongModel("the model " + info.name + " is not one for stereo at 44.1 kHz; choose another one");
  }
}

}  // namespace

StemSource::StemSource() : playing_(std::make_unique<Source>()), latency_(latency_frames(LatencyProfile::live, 44100)) {
  playing_->latency = latency_;
  wanted_.sample_rate = 44100;
  delay_.start(playing_->latency, chunk);
  loader_ = JoiningThread([this] { work(); });
}

StemSource::~StemSource() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    cancel_.request();
    changed_.notify_all();
  }
  loader_.join();
  delete ready_.load();
  delete retired_.load();
}

void StemSource::set_model(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (wanted_.model == name) return;
  wanted_.model = name;
  problem_.clear();
  cancel_.request();
  if (started_) state_.store(SourceState::loading, std::memory_order_relaxed);
  changed_.notify_all();
}

std::string StemSource::model() const {
  const std::lock_guard lock(mutex_);
  return wanted_.model;
}

std::string StemSource::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void StemSource::activate(double sample_rate) {
  const std::lock_guard lock(mutex_);
  const int rate = stream_rate(sample_rate);
  const bool is_taken = static_cast<double>(rate) == sample_rate;
  const auto profile = profile_.load(std::memory_order_relaxed);
  if (!started_ || wanted_.sample_rate != rate || wanted_.rate_is_taken != is_taken) {
    wanted_.sample_rate = rate;
    wanted_.rate_is_taken = is_taken;
    cancel_.request();
    state_.store(SourceState::loading, std::memory_order_relaxed);
  }
  started_ = true;
  if (Source* const ready = ready_.exchange(nullptr)) {
    playing_.reset(ready);
  } else if (coming_) {
    playing_ = std::move(coming_);
  }
  coming_.reset();
  Wanted wanted = wanted_;
  wanted.profile = profile;
  if (!(playing_->made_for == wanted)) {
    // Without a model, until the loader has made one.
    playing_ = std::make_unique<Source>();
    playing_->made_for = wanted;
    playing_->latency = latency_frames(profile, rate);
    any_made_ = false;
    newest_ = nullptr;
  }
  if (playing_->stream) {
    playing_->stream->reset();
    playing_->earlier_underruns = playing_->stream->underruns();
  }
  playing_->heard = 0;
  std::size_t longest = 0;
  for (const auto each : latency_profiles) longest = std::max(longest, latency_frames(each, rate));
  delay_.start(longest, chunk);
  fade_frames_ = static_cast<std::size_t>(fade_seconds * rate);
  faded_ = 0;
  elapsed_ = 0;
  finished_underruns_ = 0;
  underruns_.store(0, std::memory_order_relaxed);
  latency_.store(playing_->latency, std::memory_order_relaxed);
  changed_.notify_all();
}

// ------------------------------------------------------------------------------------------------ the loader's thread

bool StemSource::is_wanted(const Wanted& wanted) const noexcept {
  Wanted now = wanted_;
  now.profile = profile_.load(std::memory_order_relaxed);
  return wanted == now;
}

void StemSource::work() noexcept {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (const std::unique_ptr<Source> gone{retired_.exchange(nullptr)}) {
      if (newest_ == gone->stream.get()) newest_ = nullptr;
      lock.unlock();
      gone->stream.reset();
      lock.lock();
      continue;
    }
    if (started_ && !(any_made_ && is_wanted(made_))) {
      Wanted wanted = wanted_;
      wanted.profile = profile_.load(std::memory_order_relaxed);
      cancel_ = CancelToken();
      const CancelToken cancel = cancel_;
      lock.unlock();
      auto source = make(wanted, cancel);
      const bool has_failed = !source;
      lock.lock();
      if (source && is_wanted(wanted)) {
        made_ = wanted;
        any_made_ = true;
        newest_ = source->stream.get();
        if (newest_ != nullptr) {
          state_.store(SourceState::separating, std::memory_order_relaxed);
          problem_.clear();
        }
        source.reset(ready_.exchange(source.release()));
        changed_.notify_all();
      }
      lock.unlock();
      source.reset();  // another one than was made, which nobody has taken
      lock.lock();
      if (!has_failed) continue;
    }
    look_for_failure();
    changed_.wait_for(lock, look_interval);
  }
}

void StemSource::say(SourceState state, const std::string& problem) noexcept {
  const std::lock_guard lock(mutex_);
  state_.store(state, std::memory_order_relaxed);
  try {
    problem_ = problem;
  } catch (const std::bad_alloc&) {
    problem_.clear();
  }
}

void StemSource::look_for_failure() noexcept {
  if (newest_ == nullptr || state_.load(std::memory_order_relaxed) != SourceState::separating) return;
  try {
    problem_ = newest_->failure();
    if (!problem_.empty()) state_.store(SourceState::failed, std::memory_order_relaxed);
  } catch (const std::bad_alloc&) {
    state_.store(SourceState::failed, std::memory_order_relaxed);
  }
}

/// Null: cancelled, because something else is wanted meanwhile, or there is no memory at all.
std::unique_ptr<StemSource::Source> StemSource::make(const Wanted& wanted, const CancelToken& cancel) noexcept {
  try {
    auto source = std::make_unique<Source>();
    source->made_for = wanted;
    source->latency = latency_frames(wanted.profile, wanted.sample_rate);
    try {
      source->stream = make_stream(wanted, cancel);
    } catch (const WrongModel& wrong) {
      say(SourceState::wrong_model, wrong.what());
    } catch (const std::bad_alloc&) {
      say(SourceState::failed, "there is not enough memory for the model; close something, or choose a smaller one");
    } catch (const Error& error) {
      if (error.status() == Status::cancelled) return nullptr;
      say(error.status() == Status::bad_model         ? SourceState::no_model
          : error.status() == Status::runtime_missing ? SourceState::no_runtime
                                                      : SourceState::failed,
          error.what());
    }
    return source;
  } catch (const std::exception&) {
    say(SourceState::failed, "there is not enough memory");
    return nullptr;
  }
}

std::unique_ptr<Stream> StemSource::make_stream(const Wanted& wanted, const CancelToken& cancel) {
  if (!wanted.rate_is_taken) {
    say(SourceState::bad_rate, "the sample rate must be a whole number of 8000 to 192000 Hz; choose another one");
    return nullptr;
  }
  const auto model = shared_model(model_file(wanted.model), cancel);
  check(model->info());
  StreamOptions options = stream_options(wanted.profile, wanted.sample_rate);
  // The stems add up to the mix, so that with all faders at 0 dB nothing changes when stems come or go.
  options.residual_to = "other";
  return std::make_unique<Stream>(model, options);
}

// ------------------------------------------------------------------------------------------------- the audio thread

void StemSource::wait_for_source() noexcept {
  std::unique_lock lock(mutex_);
  changed_.notify_all();
  changed_.wait(lock, [&] { return !started_ || stop_ || (any_made_ && is_wanted(made_)); });
}

void StemSource::retire_playing() noexcept {
  if (playing_->stream) finished_underruns_ += playing_->stream->underruns() - playing_->earlier_underruns;
  retired_.store(playing_.release(), std::memory_order_release);
  playing_ = std::move(coming_);
  faded_ = 0;
  latency_.store(playing_->latency, std::memory_order_relaxed);
}

void StemSource::take_source() noexcept {
  // One at a time, and none before the loader has taken the last one back.
  if (coming_ || retired_.load(std::memory_order_relaxed) != nullptr) return;
  coming_.reset(ready_.exchange(nullptr, std::memory_order_acquire));
  if (coming_ && elapsed_ == 0) retire_playing();
}

std::size_t StemSource::frames_until_change(std::size_t frames) const noexcept {
  if (!coming_) return frames;
  if (coming_->is_warm()) return std::min(frames, fade_frames_ - faded_);
  return static_cast<std::size_t>(std::min<std::uint64_t>(frames, coming_->latency - coming_->heard));
}

void StemSource::produce(Source& source, float* const* const* stems, std::size_t frames, bool wait) noexcept {
  const float* const mix[] = {mix_[0].data(), mix_[1].data()};
  if (source.stream && wait) {
    try {
      source.stream->render(mix, stems, frames);
    } catch (const std::exception&) {
      // The stems were replaced and counted; the loader tells why.
    }
  } else if (source.stream) {
    source.stream->process(mix, stems, frames);
  } else {
    constexpr float share = 1.0F / static_cast<float>(stem_names.size());
    for (std::size_t s = 0; s < stem_names.size(); ++s) {
      for (std::size_t c = 0; c < 2; ++c) {
        for (std::size_t i = 0; i < frames; ++i) stems[s][c][i] = share * delay_.read(c, source.latency, frames, i);
      }
    }
  }
  source.heard += frames;
}

/// From `stems`, which are those of playing_, to those of coming_.
void StemSource::fade(float* const* const* stems, std::size_t frames) noexcept {
  for (std::size_t s = 0; s < stem_names.size(); ++s) {
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < frames; ++i) {
        const float weight = static_cast<float>(faded_ + i + 1) / static_cast<float>(fade_frames_ + 1);
        stems[s][c][i] += weight * (coming_stems_[s][c][i] - stems[s][c][i]);
      }
    }
  }
  faded_ += frames;
}

void StemSource::process(const float* const* mix, float* const* const* stems, std::size_t frames, bool wait) noexcept {
  if (wait) wait_for_source();
  for (std::size_t at = 0; at < frames;) {
    take_source();
    const std::size_t count = frames_until_change(std::min(chunk, frames - at));
    float* rows[stem_names.size()][2];
    float* coming_rows[stem_names.size()][2];
    float* const* out[stem_names.size()];
    float* const* coming_out[stem_names.size()];
    for (std::size_t s = 0; s < stem_names.size(); ++s) {
      for (std::size_t c = 0; c < 2; ++c) {
        rows[s][c] = stems[s][c] == nullptr ? unheard_.data() : stems[s][c] + at;
        coming_rows[s][c] = coming_stems_[s][c].data();
      }
      out[s] = rows[s];
      coming_out[s] = coming_rows[s];
    }
    for (std::size_t c = 0; c < 2; ++c) std::copy_n(mix[c] + at, count, mix_[c].data());
    const float* const heard[] = {mix_[0].data(), mix_[1].data()};
    delay_.write(heard, count);
    const bool fades = coming_ && coming_->is_warm();
    produce(*playing_, out, count, wait);
    if (coming_) produce(*coming_, coming_out, count, wait);
    if (fades) fade(out, count);
    if (coming_ && faded_ == fade_frames_ && fades) retire_playing();
    at += count;
    elapsed_ += count;
  }
  const Stream* const stream = playing_->stream.get();
  underruns_.store(finished_underruns_ + (stream == nullptr ? 0 : stream->underruns() - playing_->earlier_underruns),
                   std::memory_order_relaxed);
  load_.store(stream == nullptr ? 0.0 : stream->load(), std::memory_order_relaxed);
}

}  // namespace demucs_ort::plugin
