// A DJ program without window and sound. Four decks of different sample rates share one model, an audio thread plays
// their stems in real time, an analysis is stopped, and a stem file is written. In the end all stems of the decks are
// compared with those of an analysis, and what was measured is printed.
//
// Exit codes: 0 all stems were right, 1 an error, 2 wrong arguments, 3 wrong stems.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <demucs_ort/demucs_ort.hpp>
#include <demucs_ort/files.hpp>
#include <deque>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "analysis.hpp"
#include "host_deck.hpp"
#include "report.hpp"
#include "track.hpp"

namespace {

using Decks = std::deque<HostDeck>;

constexpr std::size_t sound_card_rate = 44'100;
constexpr std::size_t callback_frames = 64;

double peak_megabytes() {
  std::ifstream status("/proc/self/status");  // Linux
  for (std::string key; status >> key;) {
    double kilobytes = 0;
    if (key == "VmHWM:" && status >> kilobytes) return kilobytes * 1024 / 1e6;
  }
  return 0;
}

/// One run at a time has all cores, so that the first stem comes soonest. The audio thread goes first.
SharedModel load(const std::string& file) {
  demucs_ort::ModelOptions options;
  options.max_concurrent_runs = 1;
  options.low_priority = true;
  return demucs_ort::Model::load(file, options);
}

demucs_ort::DeckPool make_pool(const SharedModel& model, const std::string& provisional) {
  demucs_ort::DeckPoolOptions options;
  if (!provisional.empty()) options.provisional = load(provisional);
  options.low_priority = true;
  return demucs_ort::DeckPool(model, options);
}

/// Three tracks, whose decks keep their stems in half the memory, and a short one, whose deck keeps them to the bit.
Decks load_tracks(const demucs_ort::DeckPool& pool, double seconds, std::size_t cache_mb) {
  const auto one = std::make_shared<Track>(44'100, seconds, 0U);
  const auto two = std::make_shared<Track>(48'000, seconds, 1U);
  const auto three = std::make_shared<Track>(96'000, seconds, 2U);
  const auto four = std::make_shared<Track>(44'100, seconds / 4, 3U);
  Decks decks;
  for (const auto& track : {one, two, three}) decks.emplace_back(pool, track, StemStorage::compact, cache_mb);
  decks.emplace_back(pool, four, StemStorage::exact, 3 * cache_mb / 2);
  return decks;
}

struct Callbacks {
  std::size_t count = 0;
  double mean_us = 0, longest_us = 0;
};

/// The audio thread, which a clock calls back instead of a sound card. A deck of another rate gives the frames of its
/// track that pass meanwhile; a host converts them to its own rate, as it does to change the tempo.
Callbacks play(Decks& decks, double seconds) {
  const auto callbacks = static_cast<std::size_t>(seconds * sound_card_rate / callback_frames);
  const auto start = Clock::now();
  Callbacks done;
  for (; done.count < callbacks; ++done.count) {
    const std::size_t now = done.count * callback_frames, then = now + callback_frames;
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(now * 1'000'000'000 / sound_card_rate));
    const auto called = Clock::now();
    for (HostDeck& deck : decks) {
      const auto rate = static_cast<std::size_t>(deck.track->rate());
      deck.play(then * rate / sound_card_rate - now * rate / sound_card_rate,
                static_cast<double>(done.count) / static_cast<double>(callbacks));
    }
    const double took = 1e6 * seconds_since(called);
    done.mean_us += took / static_cast<double>(callbacks);
    done.longest_us = std::max(done.longest_us, took);
  }
  return done;
}

/// The stem file of a deck that is final. Its mix is the sum of the stems, which is the track. Returns the seconds.
double write_stem_file(HostDeck& deck, const std::string& file) {
  const auto start = Clock::now();
  demucs_ort::StemLayout layout;
  layout.stems = deck.stems();
  layout.sample_rate = deck.track->rate();
  layout.frames = deck.track->frames();
  demucs_ort::StemWriterOptions options;
  options.format = "stem.mp4";
  demucs_ort::StemWriter writer(file, layout, options);
  const StemBuffer stems(layout.stems.size(), chunk, false);
  for (std::size_t first = 0; first < deck.track->frames(); first += chunk) {
    const std::size_t count = std::min(chunk, deck.track->frames() - first);
    deck.read_final(first, count, stems);
    writer.write(first, count, stems.stems.data());
  }
  writer.finish();
  return seconds_since(start);
}

std::vector<Row> rows_of(const Decks& decks) {
  std::vector<Row> rows = {
      {"sample_rate_hz", {}},     {"first_stem_s", {}}, {"first_final_stem_s", {}}, {"frames_before_first_stem", {}},
      {"provisional_frames", {}}, {"final_frames", {}}, {"gap_frames", {}}};
  for (const HostDeck& deck : decks) {
    const Heard& heard = deck.heard;
    const std::optional<double> values[] = {
        deck.track->rate(), heard.first_stem, heard.first_final, heard.before_first_stem,
        heard.provisional,  heard.final,      heard.gaps};
    for (std::size_t r = 0; r < rows.size(); ++r) rows[r].values.push_back(values[r]);
  }
  return rows;
}

/// Returns whether all stems were right.
bool run(const std::string& file, std::map<std::string, std::string>& arguments) {
  const SharedModel model = load(file);
  const auto pool = make_pool(model, arguments["--provisional"]);
  const double models_mb = peak_megabytes();
  // The least that works for htdemucs is 54 MiB, and with provisional stems 65.
  const std::size_t cache_mb = arguments["--provisional"].empty() ? 56 : 67;
  Decks decks = load_tracks(pool, std::stod(arguments["--track-seconds"]), cache_mb);

  const auto loaded = Clock::now();
  auto audio_thread = std::async(std::launch::async, play, std::ref(decks), std::stod(arguments["--seconds"]));
  const double beside_decks_ms = cancel_ms(model, *decks[0].track);
  const auto final = [](const HostDeck& deck) { return deck.all_final(); };
  while (!std::all_of(decks.begin(), decks.end(), final)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const double all_final_s = seconds_since(loaded);
  const Callbacks callbacks = audio_thread.get();
  const double alone_ms = cancel_ms(model, *decks[0].track);
  std::optional<double> stem_file_s;
  if (!arguments["--stem-file"].empty()) stem_file_s = write_stem_file(decks[0], arguments["--stem-file"]);
  const double all_mb = peak_megabytes();

  std::vector<Row> rows = rows_of(decks);
  Row wrong{"wrong_frames", {}};
  for (HostDeck& deck : decks) wrong.values.emplace_back(wrong_frames(model, deck));
  rows.push_back(wrong);
  const std::vector<Row> shared = {{"all_final_s", {all_final_s}},
                                   {"peak_memory_models_mb", {models_mb}},
                                   {"peak_memory_mb", {all_mb}},
                                   {"peak_memory_checking_mb", {peak_megabytes()}},
                                   {"callbacks", {callbacks.count}},
                                   {"callback_mean_us", {callbacks.mean_us}},
                                   {"callback_longest_us", {callbacks.longest_us}},
                                   {"cancel_beside_decks_ms", {beside_decks_ms}},
                                   {"cancel_alone_ms", {alone_ms}},
                                   {"stem_file_s", {stem_file_s}}};
  rows.insert(rows.end(), shared.begin(), shared.end());
  print_table(rows);
  if (!arguments["--json"].empty()) write_json(rows, arguments["--json"]);
  return std::all_of(wrong.values.begin(), wrong.values.end(), [](const auto& frames) { return frames == 0.0; });
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> arguments = {
      {"--provisional", ""}, {"--seconds", "30"}, {"--track-seconds", "60"}, {"--stem-file", ""}, {"--json", ""}};
  bool understood = argc % 2 == 0;
  for (int a = 2; understood && a < argc; a += 2) {
    understood = arguments.count(argv[a]) == 1;
    arguments[argv[a]] = argv[a + 1];
  }
  for (const char* name : {"--seconds", "--track-seconds"}) {
    understood = understood && std::strtod(arguments[name].c_str(), nullptr) >= 1;
  }
  if (!understood) {
    std::fputs(
        "usage: dj_host MODEL.onnx [--provisional MODEL.onnx] [--seconds N] [--track-seconds N]\n"
        "               [--stem-file FILE.stem.mp4] [--json FILE]\n",
        stderr);
    return 2;
  }
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);  // large buffers go back to the system when they are freed: 100 MB less
#endif
  try {
    demucs_ort::set_up_ffmpeg();
    if (run(argv[1], arguments)) return 0;
    std::fputs("a deck has wrong stems\n", stderr);
    return 3;
  } catch (const std::exception& error) {  // a demucs_ort::Error is one
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
