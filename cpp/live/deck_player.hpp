#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "demucs_ort/deck.hpp"

/// Plays a deck: mixes its audible stems for an audio device. Where there are no stems yet it plays the mix if no stem
/// is muted, else silence.
class DeckPlayer {
 public:
  /// `mix`: the deck's track, [channel][frame]. Both must outlive the player.
  DeckPlayer(demucs_ort::Deck& deck, const std::vector<std::vector<float>>& mix);

  /// Fills interleaved[frame][channel]. For the audio thread; takes no lock, allocates nothing, makes no system call.
  void callback(float* interleaved, std::size_t frames) noexcept;

  // From any thread.
  void play(bool on) noexcept { playing_.store(on, std::memory_order_relaxed); }
  bool playing() const noexcept { return playing_.load(std::memory_order_relaxed); }
  /// Beyond the end: the end.
  void seek(std::size_t frame) noexcept;
  void set_audible(std::size_t stem, bool on) noexcept;
  /// The next frame to be heard.
  std::size_t position() const noexcept { return position_.load(std::memory_order_relaxed); }
  /// Where playing goes on: where a seek leads that the audio thread has not followed yet, else `position()`.
  std::size_t destination() const noexcept {
    const std::size_t jump = jump_.load(std::memory_order_acquire);
    return jump == SIZE_MAX ? position() : jump;
  }
  bool at_end() const noexcept { return position() >= deck_.frames(); }
  /// The highest level of a stem since the last call, whether it is audible or not; full scale is 1.
  float take_peak(std::size_t stem) noexcept { return stems_[stem].peak.exchange(0.0F, std::memory_order_relaxed); }
  /// Frames that were played without stems.
  std::uint64_t missing() const noexcept { return missing_.load(std::memory_order_relaxed); }
  demucs_ort::StemQuality quality() const noexcept { return quality_.load(std::memory_order_relaxed); }

 private:
  struct Stem {
    std::atomic<bool> audible{true};
    std::atomic<float> peak{0.0F};
    float gain = 1.0F;  // at the end of the last block
  };

  void mix_block(float* interleaved, std::size_t frames) noexcept;
  void add_stem(std::size_t stem, float* interleaved, std::size_t frames) noexcept;
  void add_mix(float* interleaved, std::size_t first, std::size_t frames) noexcept;

  demucs_ort::Deck& deck_;
  const std::vector<std::vector<float>>& mix_;
  std::vector<Stem> stems_;
  std::vector<float> samples_;  // of one block, [stem][channel][frame]
  std::vector<float*> rows_;
  std::vector<float* const*> pointers_;
  std::atomic<bool> playing_{true};
  std::atomic<std::size_t> position_{0};
  std::atomic<std::size_t> jump_{SIZE_MAX};  // where to; SIZE_MAX: nowhere
  std::atomic<std::uint64_t> missing_{0};
  std::atomic<demucs_ort::StemQuality> quality_{demucs_ort::StemQuality::none};
};
