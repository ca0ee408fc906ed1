#include "song_endings.hpp"

#include <filesystem>
#include <set>
#include <string>

#include "base/utf8.hpp"
#include "common/text.hpp"

bool has_song_ending(const std::filesystem::path& file) {
  static const std::set<std::string> endings{
      ".3g2", ".3ga", ".3gp", ".aa3",  ".aac",  ".ac3", ".aif",  ".aifc", ".aiff", ".alac", ".amr", ".ape", ".asf",
      ".au",  ".avi", ".awb", ".bwf",  ".caf",  ".dff", ".dsf",  ".dts",  ".dv",   ".eac3", ".f4a", ".f4v", ".flac",
      ".flv", ".gsm", ".m2a", ".m2ts", ".m4a",  ".m4b", ".m4r",  ".m4v",  ".mka",  ".mkv",  ".mlp", ".mov", ".mp+",
      ".mp1", ".mp2", ".mp3", ".mp4",  ".mpa",  ".mpc", ".mpeg", ".mpg",  ".mpga", ".mts",  ".mxf", ".nut", ".oga",
      ".ogg", ".ogm", ".ogv", ".oma",  ".opus", ".ra",  ".rf64", ".rm",   ".rmvb", ".shn",  ".snd", ".spx", ".tak",
      ".thd", ".tta", ".vob", ".voc",  ".w64",  ".wav", ".wave", ".webm", ".wma",  ".wmv",  ".wv",  ".xwma"};
  return endings.count(lower_case(demucs_ort::utf8(file.extension()))) > 0;
}
