// Loads twenty seconds of two tones into a deck, plays two seconds, jumps to the middle, and prints when there were
// stems.
//
// usage: deck MODEL.onnx [PROVISIONAL.onnx]
//
// PROVISIONAL.onnx holds the same weights with a shorter window: demucs-export htdemucs --segment 2.6
#include <chrono>
#include <cmath>
#include <cstdio>
#include <demucs_ort/demucs_ort.hpp>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t rate = 44100;
constexpr std::size_t frames = 20 * rate;
constexpr std::size_t block = 512;

/// Delivers any frames of the track, in any order. A host reads them from its decoder. Called on the pool's threads.
std::size_t read_track(std::size_t first, std::size_t count, float* const* channels) {
  for (std::size_t i = 0; i < count; ++i) {
    channels[0][i] = 0.3F * std::sin(static_cast<float>(first + i) * 0.01F);
    channels[1][i] = 0.3F * std::sin(static_cast<float>(first + i) * 0.08F);
  }
  return count;
}

/// What the audio thread of a host does: nothing here waits, allocates or calls the system.
struct AudioThread {
  explicit AudioThread(demucs_ort::Deck& deck_in) : deck(deck_in), samples(2 * deck.stems().size() * block) {
    for (std::size_t row = 0; row < 2 * deck.stems().size(); ++row) rows.push_back(samples.data() + row * block);
    for (std::size_t s = 0; s < deck.stems().size(); ++s) stems.push_back(rows.data() + 2 * s);
  }

  void callback() {
    deck.set_playhead(playhead);
    const auto got = deck.read(playhead, block, stems.data());
    // A host plays the mix where there are no stems yet. This program only counts such blocks.
    if (got.quality == demucs_ort::StemQuality::none) ++without_stems;
    if (got.quality == demucs_ort::StemQuality::provisional) ++provisional;
    if (got.quality == demucs_ort::StemQuality::final) ++final;
    playhead += block;
  }

  demucs_ort::Deck& deck;
  std::vector<float> samples;
  std::vector<float*> rows;
  std::vector<float* const*> stems;
  std::size_t playhead = 0;
  int without_stems = 0;
  int provisional = 0;
  int final = 0;
};

/// Calls the audio thread back in real time, as a sound card does.
void play(AudioThread& audio, std::size_t seconds, const char* what) {
  audio.without_stems = audio.provisional = audio.final = 0;
  auto next = std::chrono::steady_clock::now();
  for (std::size_t played = 0; played < seconds * rate; played += block) {
    audio.callback();
    next += std::chrono::microseconds(1000000 * block / rate);
    std::this_thread::sleep_until(next);
  }
  const double waited = static_cast<double>(audio.without_stems) * block / rate;
  std::printf("%-15s %.2f s without stems, then %d blocks provisional, %d final\n", what, waited, audio.provisional,
              audio.final);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return 2;
  try {
    demucs_ort::DeckPoolOptions options;
    if (argc == 3) options.provisional = demucs_ort::Model::load(argv[2]);
    // Once in a program: as soon as it starts, so that the models are warm when a track is loaded.
    const demucs_ort::DeckPool pool(demucs_ort::Model::load(argv[1]), options);

    demucs_ort::Deck deck(pool, read_track, frames);  // once for each loaded track
    AudioThread audio(deck);
    play(audio, 2, "after loading:");
    audio.playhead = frames / 2;
    play(audio, 2, "after a jump:");

    auto state = deck.state();
    while (state.stage < demucs_ort::DeckStage::done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      state = deck.state();
    }
    if (state.error) {
      std::fprintf(stderr, "%s\n", state.message.c_str());
      return 1;
    }
    std::printf("%-15s %.0f %% of the track is final\n", "in the end:", 100 * state.fraction);
  } catch (const demucs_ort::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
