#include "stem_file/stem_settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/exit_error.hpp"

inline namespace demucs_ort_files {

namespace {

std::size_t place_of(const std::string& name, const std::string& option) {
  const auto* found = std::find(stem_places.begin(), stem_places.end(), name);
  if (found == stem_places.end()) {
    throw ExitError(exit_usage, option + " names '" + name + "'; a stem file holds drums, bass, other and vocals");
  }
  return static_cast<std::size_t>(found - stem_places.begin());
}

bool is_color(const std::string& text) {
  return text.size() == 7 && text[0] == '#' &&
         std::all_of(text.begin() + 1, text.end(), [](unsigned char digit) { return std::isxdigit(digit) != 0; });
}

}  // namespace

StemFileSettings make_stem_file_settings(const StemFileRequest& request) {
  StemFileSettings settings;
  settings.preserve_mix = request.preserve_mix;
  settings.sum_mix = request.sum_mix;
  for (const auto& [place, name] : request.names) settings.names[place_of(place, "the stem name")] = name;
  for (const auto& [place, color] : request.colors) {
    if (!is_color(color)) throw ExitError(exit_usage, "'" + color + "' is no colour; write it as #RRGGBB");
    settings.colors[place_of(place, "the stem colour")] = color;
  }
  for (const auto& [stem, place] : request.fold) {
    if (std::find(stem_places.begin(), stem_places.end(), stem) != stem_places.end()) {
      throw ExitError(exit_usage, "'" + stem + "' has a place of its own in a stem file and cannot be folded");
    }
    settings.fold[stem] = place_of(place, "fold");
  }
  return settings;
}

std::vector<std::size_t> places_of(const std::vector<std::string>& stems, const StemFileSettings& settings) {
  constexpr std::size_t other = 2;
  std::vector<std::size_t> places;
  std::array<bool, stem_place_count> taken{};
  for (const auto& [stem, place] : settings.fold) {
    if (std::find(stems.begin(), stems.end(), stem) == stems.end()) {
      throw ExitError(exit_usage, "fold names '" + stem + "', which is no stem of the model");
    }
  }
  for (const auto& stem : stems) {
    const auto* own = std::find(stem_places.begin(), stem_places.end(), stem);
    const auto folded = settings.fold.find(stem);
    places.push_back(own != stem_places.end()        ? static_cast<std::size_t>(own - stem_places.begin())
                     : folded != settings.fold.end() ? folded->second
                                                     : other);
    if (own != stem_places.end()) taken[places.back()] = true;
  }
  for (std::size_t place = 0; place < stem_place_count; ++place) {
    if (taken[place]) continue;
    std::string all;
    for (const auto& stem : stems) all += (all.empty() ? "" : ", ") + stem;
    throw ExitError(exit_usage, std::string("a stem file needs drums, bass, other and vocals, and '") +
                                    stem_places[place] + "' is not among the stems " + all);
  }
  return places;
}

std::string stem_manifest(const StemFileSettings& settings) {
  using Json = nlohmann::ordered_json;
  Json stems = Json::array();
  for (std::size_t place = 0; place < stem_place_count; ++place) {
    stems.push_back({{"name", settings.names[place]}, {"color", settings.colors[place]}});
  }
  const Json compressor{{"enabled", false}, {"ratio", 3},       {"output_gain", 0.5},
                        {"release", 0.3},   {"attack", 0.003},  {"input_gain", 0.5},
                        {"threshold", 0},   {"hp_cutoff", 300}, {"dry_wet", 50}};
  const Json limiter{{"enabled", false}, {"release", 0.05}, {"threshold", 0}, {"ceiling", -0.35}};
  const Json manifest{
      {"version", 1}, {"mastering_dsp", {{"compressor", compressor}, {"limiter", limiter}}}, {"stems", stems}};
  // Names come from a command line and need not be UTF-8; JSON must be.
  return manifest.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace demucs_ort_files
