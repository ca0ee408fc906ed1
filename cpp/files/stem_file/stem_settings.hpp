#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

inline namespace demucs_ort_files {

/// The four places of a stem file, in the order that Native Instruments' format has them.
inline constexpr std::array<const char*, 4> stem_places = {"drums", "bass", "other", "vocals"};
inline constexpr std::size_t stem_place_count = stem_places.size();
/// All streams of a stem file are stereo.
inline constexpr std::size_t stem_file_channels = 2;

/// The words of a command line or a Python call about stem files, by place: {"drums": "Kick"}.
struct StemFileRequest {
  std::map<std::string, std::string> names;
  std::map<std::string, std::string> colors;  ///< "#RRGGBB"
  std::map<std::string, std::string> fold;    ///< where a stem of the model without a place goes; default: other
  bool preserve_mix = false;                  ///< copy the song's packets if they can be copied
  bool sum_mix = false;                       ///< the mix is the sum of the stems, even if there is a song
};

/// How a stem file is put together and labelled.
struct StemFileSettings {
  std::array<std::string, stem_place_count> names = {"Drums", "Bass", "Other", "Vocals"};
  // Native Instruments' own.
  std::array<std::string, stem_place_count> colors = {"#009E73", "#D55E00", "#CC79A7", "#56B4E9"};
  std::map<std::string, std::size_t> fold;
  bool preserve_mix = false;
  bool sum_mix = false;
};

/// Throws ExitError exit_usage for places that do not exist and for what is no colour.
StemFileSettings make_stem_file_settings(const StemFileRequest& request);

/// The place of each of the stems. Throws ExitError exit_usage if one of the four places stays empty.
std::vector<std::size_t> places_of(const std::vector<std::string>& stems, const StemFileSettings& settings);

/// The content of the box moov/udta/stem. Compressor and limiter are off, with the values of Native Instruments' own
/// files.
std::string stem_manifest(const StemFileSettings& settings);

}  // namespace demucs_ort_files
