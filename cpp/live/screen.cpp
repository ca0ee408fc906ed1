#include "screen.hpp"

#include <string>

#include "deck_player.hpp"
#include "demucs_ort/deck.hpp"
#include "desk.hpp"

#define NCURSES_NOMACROS  // else they hide functions of the standard library
#include <curses.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "common/exit_error.hpp"

namespace {

constexpr float silence = -60;  // dB, where the meters begin
constexpr float fall = 1.5F;    // dB a picture, of twenty a second

const char* name_of(demucs_ort::StemQuality quality) {
  switch (quality) {
    case demucs_ort::StemQuality::none:
      return "no stems yet";
    case demucs_ort::StemQuality::provisional:
      return "provisional stems";
    case demucs_ort::StemQuality::final:
      break;
  }
  return "final stems";
}

std::string meter(float level, std::size_t width) {
  const float share = std::clamp((level - silence) / -silence, 0.0F, 1.0F);
  std::string bar(width, '-');
  std::fill_n(bar.begin(), std::lround(share * static_cast<float>(width)), '#');
  return bar;
}

}  // namespace

Screen::Screen(std::string title, int sample_rate) : title_(std::move(title)), sample_rate_(sample_rate) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    throw ExitError(exit_usage, "this program needs a terminal for its keys and meters");
  }
  if (newterm(nullptr, stdout, stdin) == nullptr) {
    throw ExitError(exit_usage, "this terminal is not known; set TERM, e.g. to xterm");
  }
  cbreak();
  noecho();
  keypad(stdscr, TRUE);
  curs_set(0);
  timeout(50);
}

Screen::~Screen() { endwin(); }

Press Screen::wait() {
  const int key = getch();
  if (key >= '1' && key <= '9') return {Key::digit, static_cast<std::size_t>(key - '1')};
  switch (key) {
    case 'q':
      return {Key::quit, 0};
    case ' ':
      return {Key::pause, 0};
    case KEY_LEFT:
      return {Key::back, 0};
    case KEY_RIGHT:
      return {Key::forward, 0};
    case KEY_HOME:
    case '0':
      return {Key::start, 0};
    case KEY_UP:
      return {Key::up, 0};
    case KEY_DOWN:
      return {Key::down, 0};
    case 'm':
      return {Key::mute, 0};
    case 's':
      return {Key::solo, 0};
    default:
      return {};
  }
}

void Screen::draw(const demucs_ort::Deck& deck, DeckPlayer& player, const Desk& desk) {
  const auto state = deck.state();
  const auto& stems = deck.stems();
  levels_.resize(stems.size(), silence);
  erase();
  mvprintw(0, 0, "%s", title_.c_str());
  mvprintw(1, 0, "%s / %s  %s, %s", time(player.position()).c_str(), time(deck.frames()).c_str(),
           player.at_end()    ? "at the end"
           : player.playing() ? "playing"
                              : "paused",
           name_of(player.quality()));
  mvprintw(2, 0, "stems for the next %s, %.0f %% of the track is final, %.1f s were played without stems",
           time(state.ready_frames).c_str(), 100 * state.fraction,
           static_cast<double>(player.missing()) / sample_rate_);
  for (std::size_t s = 0; s < stems.size(); ++s) {
    const float peak = player.take_peak(s);
    const float level = peak > 0 ? 20 * std::log10(peak) : silence;
    levels_[s] = std::max({level, levels_[s] - fall, silence});
    const int line = 4 + static_cast<int>(s);
    mvprintw(line, 0, "%c %zu %-10s %s %s [%s] %5.1f dB", s == desk.chosen() ? '>' : ' ', s + 1, stems[s].c_str(),
             desk.strips()[s].muted ? "MUTE" : "    ", desk.strips()[s].solo ? "SOLO" : "    ",
             meter(levels_[s], 30).c_str(), static_cast<double>(levels_[s]));
  }
  const int line = 5 + static_cast<int>(stems.size());
  mvprintw(line, 0, "space: play, pause   left, right: 5 s   0: start   up, down: choose");
  mvprintw(line + 1, 0, "m: mute   s: solo   1 to 9: mute that stem   q: quit");
  refresh();
}

std::string Screen::time(std::size_t frame) const {
  const auto tenths = static_cast<unsigned long long>(10.0 * static_cast<double>(frame) / sample_rate_);
  char text[32];
  std::snprintf(text, sizeof text, "%02llu:%02llu.%llu", tenths / 600, tenths / 10 % 60, tenths % 10);
  return text;
}
