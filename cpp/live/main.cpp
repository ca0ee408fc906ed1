// demucs_ort_live: plays a song through an audio device, with keys to mute and solo its stems while they are separated.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "audio_device.hpp"
#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/ffmpeg_setup.hpp"
#include "console_setup.hpp"
#include "deck_player.hpp"
#include "demo_model.hpp"
#include "demucs_ort/demucs_ort.hpp"
#include "desk.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "no_reports.hpp"
#include "path_option.hpp"
#include "read/audio_reader.hpp"
#include "screen.hpp"

namespace {

struct Options {
  std::filesystem::path song;
  std::filesystem::path model;
  std::filesystem::path provisional;
  demucs_ort::ModelOptions model_options;
  std::string device;
  bool list_devices = false;
  bool once = false;
};

/// Nothing if --help or --version has printed all there was to do. Throws ExitError exit_usage.
std::optional<Options> parse(int argc, char** argv) {
  Options options;
  CLI::App app("Plays a song, with keys to mute and solo its stems while they are separated", "demucs_ort_live");
  app.allow_windows_style_options(false);  // "/x" is a path on every system
  app.set_version_flag("--version", std::string("demucs_ort_live ") + DEMUCS_ORT_VERSION);
  add_path(app, "song", options.song, "Any audio file that FFmpeg reads")->option_text("SONG");
  add_path(app, "-m,--model", options.model,
           "The .onnx or .ort file of a model, or the .json of a bag (default: the demo "
           "model)")
      ->option_text("FILE");
  add_path(app, "--provisional", options.provisional,
           "The same weights with a shorter segment (demucs-export --segment): "
           "provisional stems, sooner after a jump")
      ->option_text("FILE");
  app.add_option("--provider", options.model_options.provider, "What computes, as for demucs_ort_cli")
      ->option_text("NAME");
  app.add_option("--threads", options.model_options.threads,
                 "Threads for computing (default: one per core that it may use)")
      ->option_text("N");
  app.add_option("--device", options.device, "The audio device (default: the system's); null plays without a device")
      ->option_text("NAME");
  app.add_flag("--list-devices", options.list_devices, "Print the names of the audio devices");
  app.add_flag("--once", options.once, "End with the song");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    app.exit(done);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw ExitError(exit_usage, std::string(error.what()) + " (--help lists the options)");
  }
  if (options.song.empty() && !options.list_devices) throw ExitError(exit_usage, "name the song to play");
  return options;
}

/// The whole song, [channel][frame].
std::vector<std::vector<float>> decode(const std::filesystem::path& song, const demucs_ort::ModelInfo& info) {
  constexpr std::size_t block = 1U << 16U;
  AudioReader reader(song, info.sample_rate, info.channels);
  std::vector<std::vector<float>> samples(info.channels);
  std::vector<float*> ends(info.channels);
  for (std::size_t frames = 0, got = block; got == block; frames += got) {
    for (std::size_t c = 0; c < info.channels; ++c) {
      samples[c].resize(frames + block);
      ends[c] = samples[c].data() + frames;
    }
    got = reader.read(frames, block, ends.data());
    for (auto& channel : samples) channel.resize(frames + got);
  }
  return samples;
}

demucs_ort::DeckPool open_workers(const Options& options, const Interrupt& interrupt) {
  demucs_ort::DeckPoolOptions workers;
  const auto file = options.model.empty() ? find_demo_model() : options.model;
  auto model_options = options.model_options;
  model_options.max_concurrent_runs = model_options.max_batch = 1;  // a deck's segment has all threads
  model_options.cancel = interrupt.token();
  const auto model = demucs_ort::Model::load(file, model_options);
  if (!options.provisional.empty()) workers.provisional = demucs_ort::Model::load(options.provisional, model_options);
  return demucs_ort::DeckPool(model, workers);
}

/// The playhead, five seconds on or back.
void skip(DeckPlayer& player, int sample_rate, int direction) {
  const auto step = 5 * static_cast<std::size_t>(sample_rate);
  const std::size_t now = player.destination();  // so that quick presses add up
  player.seek(direction > 0 ? now + step : now - std::min(now, step));
}

/// Does what a key asks for; false: leave.
bool obey(const Press& press, DeckPlayer& player, Desk& desk, int sample_rate) {
  switch (press.key) {
    case Key::none:
      break;
    case Key::quit:
      return false;
    case Key::pause:
      player.play(!player.playing());
      break;
    case Key::back:
      skip(player, sample_rate, -1);
      break;
    case Key::forward:
      skip(player, sample_rate, 1);
      break;
    case Key::start:
      player.seek(0);
      break;
    case Key::up:
      desk.choose(-1);
      break;
    case Key::down:
      desk.choose(1);
      break;
    case Key::mute:
      desk.mute(desk.chosen());
      break;
    case Key::solo:
      desk.solo(desk.chosen());
      break;
    case Key::digit:
      desk.mute(press.digit);
      break;
  }
  return true;
}

void play(const Options& options, const Interrupt& interrupt) {
  const auto workers = open_workers(options, interrupt);
  const auto& info = workers.model().info();
  const auto mix = decode(options.song, info);
  const auto read = [&mix](std::size_t first, std::size_t frames, float* const* channels) {
    for (std::size_t c = 0; c < mix.size(); ++c) std::copy_n(mix[c].data() + first, frames, channels[c]);
    return frames;
  };
  demucs_ort::Deck deck(workers, read, mix.front().size());
  DeckPlayer player(deck, mix);
  Desk desk(player, deck.stems().size());
  const auto device = open_device(options.device, info.sample_rate, info.channels,
                                  [&player](float* out, std::size_t frames) { player.callback(out, frames); });
  Screen screen(demucs_ort::utf8(options.song.filename()), info.sample_rate);
  while (obey(screen.wait(), player, desk, info.sample_rate) && !interrupt.token().requested()) {
    const auto state = deck.state();
    if (state.error) throw demucs_ort::Error(*state.error, state.message);
    if (options.once && player.at_end()) break;
    screen.draw(deck, player, desk);
  }
}

}  // namespace

int main(int argc, char** argv) {
  forbid_reports();
  set_up_console();
  set_up_ffmpeg();
  Interrupt interrupt;
  std::string sentence;
  const int code = exit_code_of(interrupt, sentence, [&] {
    interrupt.watch();
    const auto options = parse(argc, argv);
    if (!options) return;
    if (!options->list_devices) return play(*options, interrupt);
    for (const auto& name : device_names()) std::cout << name << '\n';
  });
  if (code != exit_ok) std::cerr << "demucs_ort_live: " << sentence << std::endl;
  return code != exit_ok || interrupt.signal() == 0 ? code : 128 + interrupt.signal();
}
