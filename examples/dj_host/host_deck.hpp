#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <demucs_ort/demucs_ort.hpp>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "track.hpp"

using Clock = std::chrono::steady_clock;
using demucs_ort::StemStorage;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// For decks and analysis, so that both give the same stems.
inline demucs_ort::SeparatorOptions separator_options(const Track& track) {
  demucs_ort::SeparatorOptions options;
  options.sample_rate = track.rate();  // all frames are the track's own, as those of beat grids and cues
  options.residual_to = "other";       // the stems add up to the track
  return options;
}

/// Room for stereo stems: interleaved, as decks of a DJ program have them (a frame is the channels of all stems), or
/// planar, as files take them.
struct StemBuffer {
  StemBuffer(std::size_t count, std::size_t frames, bool interleaved)
      : stride(interleaved ? 2 * count : 1), samples(2 * count * frames) {
    for (std::size_t row = 0; row < 2 * count; ++row) rows.push_back(&samples[row * (interleaved ? 1 : frames)]);
    for (std::size_t s = 0; s < count; ++s) stems.push_back(&rows[2 * s]);
  }
  std::size_t stride;
  std::vector<float> samples;
  std::vector<float*> rows;          // [2 * stem + channel]
  std::vector<float* const*> stems;  // [stem][channel]
};

/// What the user does at a share of the time: jumps to a share of the track, and may loop from there.
struct Action {
  double at, to, loop;
};
constexpr double hot_cues[] = {0.25, 0.6};
constexpr Action script[] = {{0.3, hot_cues[1], 0}, {0.5, 0.1, 0.05}, {0.7, 0.8, 0}, {0.85, hot_cues[0], 0}};

/// What was heard of a deck, in frames of its track, and when, in seconds after loading.
struct Heard {
  std::size_t provisional = 0, final = 0;
  std::size_t before_first_stem = 0, gaps = 0;  // without stems: before the first ones, and later
  std::optional<double> first_stem, first_final;
};

/// A deck of the host: a loaded track and its stems.
class HostDeck {
 public:
  /// `cache_mb` is for stems at 44.1 kHz: at other rates a second takes other memory.
  HostDeck(const demucs_ort::DeckPool& pool, std::shared_ptr<const Track> track_in, StemStorage storage_in,
           std::size_t cache_mb)
      : track(std::move(track_in)),
        storage(storage_in),
        deck_(
            pool, [&music = *track](auto... range) { return music.read(range...); }, track->frames(),
            options(cache_mb)),
        output_(deck_.stems().size(), most_frames, true),
        loop_end_(track->frames()) {
    deck_.set_cues({track->frame_at(hot_cues[0]), track->frame_at(hot_cues[1])});
  }

  const std::shared_ptr<const Track> track;  // `deck_` reads it on threads of the pool
  const StemStorage storage;
  Heard heard;  // belongs to the audio thread as long as there is one

  const std::vector<std::string>& stems() const { return deck_.stems(); }

  /// The audio thread's part: real-time safe. `share` of the script is over.
  void play(std::size_t frames, double share) {
    for (; next_ != std::end(script) && next_->at <= share; ++next_) act(*next_);
    while (frames > 0) {
      if (playhead_ == loop_end_) playhead_ = loop_first_;
      const std::size_t count = std::min({frames, loop_end_ - playhead_, most_frames});
      deck_.set_playhead(playhead_);
      const auto got = deck_.read(playhead_, count, output_.stems.data(), output_.stride);
      note(got, count);
      play_mix(got.frames, count);
      playhead_ += count;
      frames -= count;
    }
  }

  /// Whether all stems are final; throws if they cannot become so.
  bool all_final() const {
    const auto state = deck_.state();
    if (!state.message.empty()) throw std::runtime_error(state.message);
    return state.fraction == 1;
  }

  /// When no audio thread plays it any more: final stems, which may have to come back from the disk first.
  void read_final(std::size_t frame, std::size_t count, const StemBuffer& to) {
    deck_.set_playhead(frame);
    while (all_final()) {
      const auto got = deck_.read(frame, count, to.stems.data(), to.stride);
      if (got.frames == count && got.quality == demucs_ort::StemQuality::final) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    throw std::logic_error("the deck is not final");
  }

 private:
  static constexpr std::size_t most_frames = 512;  // of one `read`

  // The memory for what the playhead needs next; the rest lies on the disk.
  demucs_ort::DeckOptions options(std::size_t cache_mb) const {
    demucs_ort::DeckOptions options;
    options.separator = separator_options(*track);
    options.storage = storage;
    options.cache_mb = cache_mb * static_cast<std::size_t>(track->rate()) / 44'100;
    options.spill_folder = std::filesystem::temp_directory_path();
    return options;
  }

  void act(const Action& action) {
    playhead_ = track->frame_at(action.to);
    loop_first_ = action.loop > 0 ? playhead_ : 0;  // without a loop the track starts again at its end
    loop_end_ = action.loop > 0 ? track->frame_at(action.to + action.loop) : track->frames();
    deck_.set_loop(loop_first_, loop_end_);
  }

  void note(const demucs_ort::DeckRead& got, std::size_t count) {
    const bool final = got.quality == demucs_ort::StemQuality::final;
    if (got.frames > 0 && !heard.first_stem) heard.first_stem = seconds_since(loaded_);
    if (final && !heard.first_final) heard.first_final = seconds_since(loaded_);
    (final ? heard.final : heard.provisional) += got.frames;
    (heard.first_stem ? heard.gaps : heard.before_first_stem) += count - got.frames;
  }

  // Frames [from, count) of the block have no stems: the mix plays in place of the first one.
  void play_mix(std::size_t from, std::size_t count) {
    std::fill(output_.rows[0] + from * output_.stride, output_.rows[0] + count * output_.stride, 0.0F);
    float* const mix[] = {output_.rows[0] + from * output_.stride, output_.rows[1] + from * output_.stride};
    track->read(playhead_ + from, count - from, mix, output_.stride);
  }

  demucs_ort::Deck deck_;
  StemBuffer output_;  // what the host's mixer takes
  std::size_t playhead_ = 0, loop_first_ = 0, loop_end_;
  const Action* next_ = std::begin(script);
  const Clock::time_point loaded_ = Clock::now();
};
