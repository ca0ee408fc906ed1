#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <demucs_ort/demucs_ort.hpp>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "host_deck.hpp"
#include "track.hpp"

using SharedModel = std::shared_ptr<const demucs_ort::Model>;

constexpr std::size_t chunk = 4096;  // frames

/// An analyser, which is handed its track in interleaved chunks and computes at the end.
inline void analyse(const SharedModel& model, const Track& track, const demucs_ort::Write& write,
                    const demucs_ort::OnProgress& progress = {}, const demucs_ort::CancelToken& cancel = {}) {
  auto options = separator_options(track);
  options.priority = demucs_ort::Priority::background;  // decks go first
  demucs_ort::Separator separator(model, options);
  separator.begin();
  float samples[2 * chunk];
  float* const channels[] = {samples, samples + 1};
  for (std::size_t first = 0; first < track.frames(); first += chunk) {
    separator.push(channels, track.read(first, chunk, channels, 2), 2);
  }
  separator.finish(write, progress, cancel);
}

/// Starts an analysis, stops it as a user would, and returns the milliseconds from the request to its end. It is
/// stopped after its first segment, or after a second, because playing decks may leave it no time.
inline double cancel_ms(const SharedModel& model, const Track& track) {
  const demucs_ort::CancelToken cancel;
  std::promise<void> first_segment;
  auto analysis = std::async(std::launch::async, [&, told = false]() mutable {
    const auto on_progress = [&](const demucs_ort::Progress& now) {
      if (now.fraction > 0 && !std::exchange(told, true)) first_segment.set_value();
    };
    analyse(model, track, [](auto...) {}, on_progress, cancel);
  });
  first_segment.get_future().wait_for(std::chrono::seconds(1));
  const auto requested = Clock::now();
  cancel.request();
  try {
    analysis.get();
  } catch (const demucs_ort::Error& error) {
    if (error.status() == demucs_ort::Status::cancelled) return 1000 * seconds_since(requested);
    throw;
  }
  throw std::runtime_error("the analysis ended before it was cancelled: choose longer tracks");
}

/// Frames at which a deck's final stems are not those of an analysis: to the bit, or to 16 bits where it keeps no more.
inline std::size_t wrong_frames(const SharedModel& model, HostDeck& deck) {
  const auto same = [exact = deck.storage == StemStorage::exact](float one, float other) {
    return exact ? std::memcmp(&one, &other, sizeof one) == 0 : std::abs(one - other) <= 1.0F / 32768;
  };
  const StemBuffer kept(deck.stems().size(), chunk, true);
  std::size_t wrong = 0;
  analyse(model, *deck.track, [&](std::size_t first, std::size_t frames, const float* const* const* stems) {
    for (std::size_t i = 0; i < frames; ++i) {
      if (i % chunk == 0) deck.read_final(first + i, std::min(chunk, frames - i), kept);
      bool right = true;
      for (std::size_t row = 0; row < kept.rows.size(); ++row) {
        right = right && same(kept.rows[row][i % chunk * kept.stride], stems[row / 2][row % 2][i]);
      }
      if (!right) ++wrong;
    }
  });
  return wrong;
}
