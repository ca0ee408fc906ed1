#include "deck_player.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "demucs_ort/deck.hpp"

namespace {

constexpr std::size_t block = 1024;  // longer ones are played in parts

}  // namespace

DeckPlayer::DeckPlayer(demucs_ort::Deck& deck, const std::vector<std::vector<float>>& mix)
    : deck_(deck), mix_(mix), stems_(deck.stems().size()), samples_(stems_.size() * mix.size() * block) {
  for (std::size_t row = 0; row < stems_.size() * mix.size(); ++row) rows_.push_back(samples_.data() + row * block);
  for (std::size_t s = 0; s < stems_.size(); ++s) pointers_.push_back(rows_.data() + s * mix.size());
}

void DeckPlayer::seek(std::size_t frame) noexcept {
  jump_.store(std::min(frame, deck_.frames()), std::memory_order_relaxed);
}

void DeckPlayer::set_audible(std::size_t stem, bool on) noexcept {
  stems_[stem].audible.store(on, std::memory_order_relaxed);
}

void DeckPlayer::callback(float* interleaved, std::size_t frames) noexcept {
  if (std::size_t jump = jump_.load(std::memory_order_relaxed); jump != SIZE_MAX) {
    position_.store(jump, std::memory_order_relaxed);
    jump_.compare_exchange_strong(jump, SIZE_MAX, std::memory_order_release, std::memory_order_relaxed);  // unless anew
  }
  deck_.set_playhead(position());
  std::fill_n(interleaved, frames * mix_.size(), 0.0F);
  while (frames > 0 && playing() && !at_end()) {
    const std::size_t count = std::min({frames, block, deck_.frames() - position()});
    mix_block(interleaved, count);
    position_.store(position() + count, std::memory_order_relaxed);
    interleaved += count * mix_.size();
    frames -= count;
  }
}

void DeckPlayer::mix_block(float* interleaved, std::size_t frames) noexcept {
  deck_.set_playhead(position());
  const auto got = deck_.read(position(), frames, pointers_.data());
  quality_.store(got.frames < frames ? demucs_ort::StemQuality::none : got.quality, std::memory_order_relaxed);
  for (std::size_t s = 0; s < stems_.size(); ++s) add_stem(s, interleaved, got.frames);
  if (got.frames == frames) return;
  missing_.fetch_add(frames - got.frames, std::memory_order_relaxed);
  const bool whole = std::all_of(stems_.begin(), stems_.end(),
                                 [](const Stem& stem) { return stem.audible.load(std::memory_order_relaxed); });
  if (whole) add_mix(interleaved + got.frames * mix_.size(), position() + got.frames, frames - got.frames);
}

void DeckPlayer::add_stem(std::size_t index, float* interleaved, std::size_t frames) noexcept {
  if (frames == 0) return;
  Stem& stem = stems_[index];
  const float target = stem.audible.load(std::memory_order_relaxed) ? 1.0F : 0.0F;
  const float step = (target - stem.gain) / static_cast<float>(frames);  // a sudden change would click
  float peak = stem.peak.load(std::memory_order_relaxed);
  for (std::size_t c = 0; c < mix_.size(); ++c) {
    const float* samples = pointers_[index][c];
    for (std::size_t i = 0; i < frames; ++i) {
      peak = std::max(peak, std::fabs(samples[i]));
      interleaved[i * mix_.size() + c] += (stem.gain + step * static_cast<float>(i + 1)) * samples[i];
    }
  }
  stem.gain = target;
  stem.peak.store(peak, std::memory_order_relaxed);
}

void DeckPlayer::add_mix(float* interleaved, std::size_t first, std::size_t frames) noexcept {
  for (std::size_t c = 0; c < mix_.size(); ++c) {
    for (std::size_t i = 0; i < frames; ++i) interleaved[i * mix_.size() + c] += mix_[c][first + i];
  }
}
