#include "track/file_name.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/text.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

bool is_stem_file(const fs::path& file) {
  const std::string ending = lower_case(demucs_ort::utf8(file.stem().extension()) + demucs_ort::utf8(file.extension()));
  return ending == ".stem.mp4" || ending == ".stem.m4a";
}

fs::path track_name(const fs::path& file) {
  const fs::path name = is_stem_file(file) ? file.stem().stem() : file.stem();
  // "...wav" would lead to the folder above.
  return name == "." || name == ".." ? file.filename() : name;
}

void check_file_name_pattern(const std::string& pattern, const std::string& ending, bool several_tracks,
                             bool file_per_stem) {
  const auto refuse = [&](const std::string& why) {
    throw ExitError(exit_usage, "the file name pattern '" + pattern + "' " + why);
  };
  if (several_tracks && pattern.find("{track}") == std::string::npos) {
    refuse("gives all tracks the same files; put {track} into it");
  }
  const bool has_stem = pattern.find("{stem}") != std::string::npos;
  if (file_per_stem && !has_stem) refuse("gives all stems the same file; put {stem} into it");
  if (!file_per_stem && has_stem) refuse("has {stem}, but a stem file holds all of them");
  const fs::path plain = file_name(pattern, "track", "stem", ending);
  if (demucs_ort::utf8(plain).find_first_of("{}") != std::string::npos) {
    refuse("may hold {track}, {stem} and {ext} in braces");
  }
  if (!plain.has_filename() || plain.has_root_path() ||
      std::any_of(plain.begin(), plain.end(), [](const fs::path& part) { return part == ".."; })) {
    refuse("is no path inside of the output folder");
  }
  if (!lower_case(demucs_ort::utf8(plain)).ends_with("." + ending)) {
    refuse("gives " + ending + " files another ending; let it end in .{ext}, or choose another format");
  }
}

fs::path file_name(const std::string& pattern, const std::string& track, const std::string& stem,
                   const std::string& ending) {
  std::string name = pattern;
  // A brace in a track's own name is no placeholder.
  replace_all(name, "{ext}", ending);
  replace_all(name, "{stem}", stem);
  replace_all(name, "{track}", track);
  return demucs_ort::utf8_path(name);
}

}  // namespace demucs_ort_files
