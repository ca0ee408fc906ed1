#include "stem_file/stem_names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/text.hpp"
#include "stem_file/stem_settings.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

/// How separators and people call the four stems.
const std::array<std::set<std::string>, stem_place_count> names_of_places{{
    {"drums", "drum", "percussion"},
    {"bass"},
    {"other", "others", "melody"},
    {"vocals", "vocal", "vox", "voice", "voices", "acapella", "acappella"},
}};
/// Words by which a name says that a file is everything but a stem.
const std::set<std::string> names_of_rests{
    "no", "without", "minus", "instrumental", "instrumentals", "accompaniment", "karaoke"};

/// The words of a name, in lower case: "01 songDrums_v2" has song, drums and v.
Words words_of(const std::string& name) {
  Words words;
  char before = ' ';
  const auto in_word = [](char letter) {
    return is_ascii_lower(letter) || is_ascii_upper(letter) || static_cast<unsigned char>(letter) >= 0x80;
  };
  for (const char letter : name) {
    if (in_word(letter)) {
      if (!in_word(before) || (is_ascii_lower(before) && is_ascii_upper(letter))) words.emplace_back();
      words.back() += letter;
    }
    before = letter;
  }
  for (auto& word : words) word = lower_case(word);
  return words;
}

bool all_begin_alike(const std::vector<Words>& names) {
  return std::all_of(names.begin(), names.end(),
                     [&](const Words& words) { return !words.empty() && words.front() == names.front().front(); });
}

/// Takes off the words with which all names begin, and those with which all end.
void strip_common_words(std::vector<Words>& names) {
  for (int side = 0; side < 2; ++side) {
    while (all_begin_alike(names)) {
      for (auto& words : names) words.erase(words.begin());
    }
    for (auto& words : names) std::reverse(words.begin(), words.end());
  }
}

/// The places that a name names.
std::set<std::size_t> places_named(const Words& words) {
  std::set<std::size_t> places;
  for (const auto& word : words) {
    for (std::size_t place = 0; place < stem_place_count; ++place) {
      if (names_of_places[place].count(word) > 0) places.insert(place);
    }
    if (names_of_rests.count(word) > 0) places.insert(stem_place_count);
  }
  return places;
}

/// The names of the files, or, from level 1 on, of the folders that many levels above.
std::vector<Words> names_at(const std::vector<fs::path>& files, int level) {
  std::vector<Words> names;
  for (const auto& file : files) {
    fs::path folder = file;
    for (int i = 0; i < level; ++i) folder = folder.parent_path();
    names.push_back(words_of(demucs_ort::utf8(level == 0 ? folder.stem() : folder.filename())));
  }
  strip_common_words(names);
  return names;
}

[[noreturn]] void refuse(const std::string& why) {
  throw ExitError(exit_usage,
                  why +
                      "; a stem file is packed of four files: drums, bass, other, vocals, by their names or in this "
                      "order");
}

}  // namespace

std::array<fs::path, stem_place_count> stems_in_places(const std::vector<fs::path>& files) {
  if (files.size() != stem_place_count) refuse("there are " + std::to_string(files.size()) + " files");
  std::array<fs::path, stem_place_count> placed;
  constexpr int levels = 4;  // of a pattern such as {stem}/{track}.{ext}, where the track may name folders
  for (int level = 0; level < levels; ++level) {
    const auto names = names_at(files, level);
    const auto says_nothing = [](const Words& words) { return places_named(words).empty(); };
    if (std::all_of(names.begin(), names.end(), says_nothing)) continue;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto places = places_named(names[i]);
      const std::string name = "'" + demucs_ort::utf8(files[i]) + "'";
      if (places.size() != 1 || *places.begin() == stem_place_count)
        refuse("the name of " + name + " is not that of one stem");
      auto& place = placed[*places.begin()];
      if (!place.empty())
        refuse("'" + demucs_ort::utf8(place) + "' and " + name + " are both named as " + stem_places[*places.begin()]);
      place = files[i];
    }
    return placed;
  }
  std::copy(files.begin(), files.end(), placed.begin());
  return placed;
}

}  // namespace demucs_ort_files
