#include "stream/stream_engine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/joining_thread.hpp"
#include "base/log.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"
#include "separation/infer.hpp"
#include "separation/stem_mixing.hpp"
#include "stream/stream_schedule.hpp"

namespace demucs_ort {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t chunk = 4096;  // frames; longer blocks are taken in parts
constexpr std::string_view no_memory = "there is not enough memory";

/// Enough for what the audio thread uses and all that can be computed before it is due.
std::size_t slot_count(const StreamSchedule& schedule) { return (schedule.compute_time + chunk) / schedule.hop + 4; }

std::string reason_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::bad_alloc&) {
    return std::string(no_memory);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something that is no std::exception was thrown";
  }
}

/// A stream that goes cancels its last run; that is no failure.
bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.status() == Status::cancelled;
  } catch (...) {
    return false;
  }
}

void tell(const std::exception_ptr& failure) noexcept {
  if (!logs(LogLevel::error) || is_cancellation(failure)) return;
  log(LogLevel::error, [&] { return "a window of a stream failed: " + reason_of(failure); });
}

std::size_t ring_capacity(const StreamSchedule& schedule) { return schedule.segment + schedule.latency() + 2 * chunk; }

}  // namespace

StreamEngine::StreamEngine(const ModelInfo& info, const StreamOptions& options, const StemMixing& mixing, Infer infer,
                           std::size_t blurred)
    : schedule_(info, options, blurred),
      underrun_(options.underrun),
      channels_(info.channels),
      sample_rate_(info.sample_rate),
      separation_(info, mixing, std::move(infer), schedule_.skipped(), schedule_.piece()),
      fade_(schedule_.crossfade),
      input_(info.channels, ring_capacity(schedule_)),
      slots_(slot_count(schedule_)) {
  for (std::size_t i = 0; i < fade_.size(); ++i) {
    fade_[i] = static_cast<float>(i + 1) / static_cast<float>(fade_.size() + 1);
  }
  const std::size_t size = separation_.mixing().outputs().size() * channels_ * schedule_.piece();
  for (auto& slot : slots_) slot.samples.resize(size);
  failure_text_.reserve(no_memory.size());
  separation_.warm_up();
  worker_ = JoiningThread([this] { work(); });
}

StreamEngine::~StreamEngine() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  changed_.notify_all();
}

// ------------------------------------------------------------------------------------------------ the audio thread

void StreamEngine::process(const float* const* in, float* const* const* out, std::size_t frames,
                           const Strides& strides) noexcept {
  rendering_.store(false, std::memory_order_relaxed);
  for (std::size_t at = 0; at < frames; at += chunk) {
    const std::size_t count = std::min(chunk, frames - at);
    input_.write(in, strides.mix, at, count);
    play(out, strides.stems, at, count, false);
  }
}

void StreamEngine::render(const float* const* in, float* const* const* out, std::size_t frames,
                          const Strides& strides) {
  rendering_.store(true, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    failure_ = nullptr;
  }
  for (std::size_t at = 0; at < frames; at += chunk) {
    const std::size_t count = std::min(chunk, frames - at);
    input_.write(in, strides.mix, at, count);
    play(out, strides.stems, at, count, true);
  }
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void StreamEngine::reset() noexcept {
  first_ += schedule_.complete(elapsed_) + 1;  // beyond every number that the worker can have begun
  elapsed_ = 0;
  playing_ = leaving_ = nullptr;
  joins_ = false;
  origin_.store(input_.written(), std::memory_order_release);
  origin_first_.store(first_, std::memory_order_release);
  due_.store(first_, std::memory_order_release);
}

void StreamEngine::play(float* const* const* out, std::size_t stride, std::size_t at, std::size_t frames, bool wait) {
  const std::size_t end = at + frames;
  while (at < end) {
    std::size_t count = end - at;
    if (elapsed_ < schedule_.latency()) {
      count = static_cast<std::size_t>(std::min<std::uint64_t>(count, schedule_.latency() - elapsed_));
      for (std::size_t o = 0; o < separation_.mixing().outputs().size(); ++o) {
        for (std::size_t c = 0; c < channels_; ++c) {
          for (std::size_t i = at; i < at + count; ++i) out[o][c][i * stride] = 0.0F;
        }
      }
    } else {
      const std::uint64_t position = elapsed_ - schedule_.latency();
      const auto offset = static_cast<std::size_t>(position % schedule_.hop);
      if (offset == 0) {
        const std::uint64_t number = first_ + position / schedule_.hop;
        if (wait) wait_for(number);
        take(number);
      }
      count = std::min(count, (offset < schedule_.crossfade ? schedule_.crossfade : schedule_.hop) - offset);
      put(out, stride, at, count, offset);
    }
    at += count;
    elapsed_ += count;
  }
}

void StreamEngine::take(std::uint64_t number) noexcept {
  const Slot& slot = slots_[number % slots_.size()];
  joins_ = number != first_;
  leaving_ = playing_;
  playing_ = slot.number.load(std::memory_order_acquire) == number ? &slot : nullptr;
  if (playing_ == nullptr) underruns_.fetch_add(1, std::memory_order_relaxed);
  due_.store(number + 1, std::memory_order_release);
}

void StreamEngine::put(float* const* const* out, std::size_t stride, std::size_t at, std::size_t frames,
                       std::size_t offset) const noexcept {
  const std::size_t count = separation_.mixing().outputs().size();
  const float share = underrun_ == Underrun::mix ? 1.0F / static_cast<float>(count) : 0.0F;
  const std::uint64_t first = origin_.load(std::memory_order_relaxed) + elapsed_ - schedule_.latency();
  const bool fades = joins_ && offset < schedule_.crossfade && playing_ != leaving_;
  for (std::size_t row = 0; row < count * channels_; ++row) {
    // The piece's frame `at_piece` + i, or what replaces it at the i-th frame to give.
    const auto sample = [&](const Slot* slot, std::size_t at_piece, std::size_t i) {
      if (slot != nullptr) return slot->samples[row * schedule_.piece() + at_piece + i];
      return share == 0.0F ? 0.0F : share * input_.at(row % channels_, first + i);
    };
    float* target = out[row / channels_][row % channels_] + at * stride;
    for (std::size_t i = 0; i < frames; ++i, target += stride) {
      *target = sample(playing_, offset, i);
      if (fades) {
        const float before = sample(leaving_, schedule_.hop + offset, i);
        *target = before + fade_[offset + i] * (*target - before);
      }
    }
  }
}

void StreamEngine::wait_for(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  changed_.notify_all();
  changed_.wait(lock, [&] { return tried_.load(std::memory_order_relaxed) > number; });
}

std::string StreamEngine::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_text_;
}

// ------------------------------------------------------------------------------------------------------ the worker

void StreamEngine::work() noexcept {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (has_untold_underruns()) {
      lock.unlock();
      tell_underruns();
      lock.lock();
      continue;
    }
    const auto task = next_task();
    if (task) {
      lock.unlock();
      std::exception_ptr failure;
      try {
        compute(*task);
      } catch (...) {
        failure = std::current_exception();
        tell(failure);
      }
      lock.lock();
      if (failure) remember(failure);
      next_ = task->number + 1;
    }
    tried_.store(next_, std::memory_order_release);
    changed_.notify_all();  // a `render` may wait
    if (!task) {
      // Half of what is missing, in case the audio comes faster; often enough to lose little, seldom enough to cost
      // little.
      const double seconds = static_cast<double>(missing_) / sample_rate_ / 2;
      changed_.wait_for(lock, std::chrono::duration<double>(std::clamp(seconds, 0.001, 0.02)));
    }
  }
}

bool StreamEngine::has_untold_underruns() const noexcept {
  return logs(LogLevel::warning) && underruns() > told_underruns_;
}

/// For the audio thread, which must not.
void StreamEngine::tell_underruns() noexcept {
  const std::uint64_t all = underruns();
  log(LogLevel::warning, [&] {
    return "a stream had no stems in time for " + std::to_string(all - told_underruns_) + " of its hops (" +
           std::to_string(all) + " since its start); give it more compute_time or a longer hop";
  });
  told_underruns_ = all;
}

/// The window to compute now, if there is one; `next_` becomes its number, or that of the next to come.
std::optional<StreamEngine::Task> StreamEngine::next_task() noexcept {
  const std::uint64_t written = input_.written();  // first: never frames of a later stream than the one below
  const std::uint64_t due = due_.load(std::memory_order_acquire);
  const std::uint64_t first = origin_first_.load(std::memory_order_acquire);
  const std::uint64_t origin = origin_.load(std::memory_order_acquire);
  const std::uint64_t heard = written > origin ? written - origin : 0;
  const std::uint64_t complete = first + schedule_.complete(heard);
  const auto end = [&] { return (next_ - first) * schedule_.hop + schedule_.first_end(); };
  next_ = std::max({next_, due, first});
  if (!rendering_.load(std::memory_order_relaxed)) {
    // What would be too late is left out, so that what follows is not.
    const auto run = static_cast<std::size_t>(runs_.shortest());
    while (run <= schedule_.compute_time && next_ < complete && end() + schedule_.compute_time < heard + run) ++next_;
  }
  missing_ = static_cast<std::size_t>(end() - std::min(end(), heard));
  if (next_ >= complete || next_ + 2 >= due + slots_.size()) return std::nullopt;
  return Task{next_, origin, origin + end()};
}

void StreamEngine::compute(const Task& task) {
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(schedule_.segment, task.end - task.origin));
  if (!input_.read(task.end - length, length, separation_.mix(schedule_.segment - length))) return;
  const auto start = Clock::now();
  Slot& slot = slots_[task.number % slots_.size()];
  separation_.run(slot.samples.data());
  slot.number.store(task.number, std::memory_order_release);
  const std::chrono::duration<double> took = Clock::now() - start;
  runs_.add(took.count() * sample_rate_);
  load_.store(runs_.mean() / static_cast<double>(schedule_.hop), std::memory_order_relaxed);
}

void StreamEngine::remember(std::exception_ptr failure) noexcept {
  failure_ = failure;
  try {
    const std::string reason = reason_of(failure);
    failure_text_ = reason;  // a copy, which leaves the room that was reserved
  } catch (...) {
    failure_text_ = no_memory;  // for which there is room
  }
}

}  // namespace demucs_ort
