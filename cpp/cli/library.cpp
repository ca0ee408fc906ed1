#include "library.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "track_record.hpp"

namespace fs = std::filesystem;

namespace {

std::string lower(std::string text) {
  for (char& letter : text) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

bool is_playlist(const fs::path& file) {
  const std::string ending = lower(file.extension().string());
  return ending == ".m3u" || ending == ".m3u8";
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

bool is_folder(const fs::path& file) {
  std::error_code ignored;
  return fs::is_directory(file, ignored);
}

bool is_pattern(const fs::path& name) {
  return name.string().find_first_of("*?") != std::string::npos && !is_there(name);
}

bool is_hidden(const fs::path& file) { return file.filename().string().rfind('.', 0) == 0; }

bool is_song(const fs::path& file) {
  static const std::set<std::string> endings{
      ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".ape",  ".au",  ".dsf", ".flac", ".m4a",  ".m4b", ".mka",
      ".mp2", ".mp3", ".mp4", ".mpc",  ".oga",  ".ogg",  ".opus", ".tta", ".wav", ".wave", ".webm", ".wma", ".wv"};
  return endings.count(lower(file.extension().string())) > 0 && lower(file.stem().extension().string()) != ".stem";
}

/// Whether a name fits a pattern of * (any text) and ? (one byte).
bool matches(const char* pattern, const char* name) {
  if (*pattern == '\0') return *name == '\0';
  if (*pattern == '*') return matches(pattern + 1, name) || (*name != '\0' && matches(pattern, name + 1));
  return *name != '\0' && (*pattern == '?' || *pattern == *name) && matches(pattern + 1, name + 1);
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// All paths that fit the pattern, component by component. Hidden ones only if the pattern says so.
std::vector<fs::path> expand(const fs::path& pattern) {
  std::vector<fs::path> found{pattern.root_path()};
  for (const auto& component : pattern.relative_path()) {
    std::vector<fs::path> next;
    for (const auto& base : found) {
      const std::string wanted = component.string();
      if (wanted.find_first_of("*?") == std::string::npos) {
        if (is_there(base / component)) next.push_back(base / component);
        continue;
      }
      for (const auto& entry : sorted_entries(base.empty() ? fs::path(".") : base)) {
        const std::string name = entry.filename().string();
        if (is_hidden(entry) && wanted[0] != '.') continue;
        if (matches(wanted.c_str(), name.c_str())) next.push_back(base / name);
      }
    }
    found = std::move(next);
  }
  return found;
}

std::string utf8_from_latin1(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (code < 0x80) {
      result.push_back(letter);
    } else {
      result.push_back(static_cast<char>(0xC0 | code >> 6));
      result.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
  }
  return result;
}

std::string percent_decoded(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() &&
                       std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                       std::isxdigit(static_cast<unsigned char>(text[i + 2]));
    result.push_back(coded ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i]);
    if (coded) i += 2;
  }
  return result;
}

/// The file that a line of a playlist means: as it stands, with Windows' separators, or in the old encoding of .m3u.
fs::path playlist_entry(const fs::path& folder, std::string line) {
  if (line.rfind("file://", 0) == 0) line = percent_decoded(line.substr(7));
  std::string slashes = line;
  std::replace(slashes.begin(), slashes.end(), '\\', '/');
  for (const auto& spelling : {line, slashes, utf8_from_latin1(line), utf8_from_latin1(slashes)}) {
    if (is_there(folder / spelling)) return folder / spelling;
  }
  return folder / line;
}

class Finder {
 public:
  Finder(fs::path output, bool recursive) : output_(std::move(output)), recursive_(recursive) {}

  void add(const fs::path& input) {
    if (is_folder(input)) {
      const std::size_t before = tracks_.size() + repeated_;
      walk(input, {});
      if (tracks_.size() + repeated_ == before) {
        const std::string hint = recursive_ ? "" : " itself; --recursive looks into its subfolders";
        problem(input, "cannot read '" + input.string() + "': there is no audio file in this folder" + hint);
      }
    } else if (is_playlist(input) && is_there(input)) {
      read_playlist(input);
    } else if (is_pattern(input)) {
      const auto files = expand(input);
      for (const auto& file : files) is_folder(file) ? add(file) : song(file, file.stem());
      if (files.empty()) problem(input, "no file matches '" + input.string() + "'");
    } else {
      song(input, input.stem());
    }
  }

  std::vector<Track> take() { return std::move(tracks_); }

 private:
  void walk(const fs::path& folder, const fs::path& inside) {
    const auto made_here = files_recorded_in(folder);
    for (const auto& entry : sorted_entries(folder)) {
      if (is_hidden(entry) || made_here.count(entry.filename().string()) > 0) continue;
      std::error_code ignored;
      if (is_folder(entry)) {
        // A link to a folder above would lead round in circles.
        if (recursive_ && !fs::is_symlink(entry, ignored) && !fs::equivalent(entry, output_, ignored)) {
          walk(entry, inside / entry.filename());
        }
      } else if (is_song(entry)) {
        song(entry, inside / entry.stem());
      }
    }
  }

  void read_playlist(const fs::path& file) {
    std::ifstream lines(file, std::ios::binary);
    bool any = false;
    for (std::string line; std::getline(lines, line);) {
      if (!any && line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
      while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
      if (line.empty() || line[0] == '#') continue;
      any = true;
      if (line.find("://") != std::string::npos && line.rfind("file://", 0) != 0) {
        problem(line, "cannot read '" + line + "' of '" + file.string() + "': it is no local file");
        continue;
      }
      const fs::path entry = playlist_entry(file.parent_path(), line);
      song(entry, entry.stem());
    }
    if (!any) problem(file, "cannot read '" + file.string() + "': the playlist names no file");
  }

  void song(const fs::path& file, const fs::path& name) {
    std::error_code ignored;
    if (!seen_.insert(fs::weakly_canonical(file, ignored)).second) {
      ++repeated_;
      return;
    }
    tracks_.push_back({{file, output_, name.generic_string()}, {}});
  }

  void problem(const fs::path& input, const std::string& sentence) {
    tracks_.push_back({{input, output_, input.stem().string()}, sentence});
  }

  fs::path output_;
  bool recursive_;
  std::vector<Track> tracks_;
  std::set<fs::path> seen_;
  std::size_t repeated_ = 0;
};

}  // namespace

bool is_library(const std::vector<fs::path>& inputs) {
  return inputs.size() > 1 || std::any_of(inputs.begin(), inputs.end(), [](const fs::path& input) {
           return is_folder(input) || (is_playlist(input) && is_there(input)) || is_pattern(input);
         });
}

std::vector<Track> find_tracks(const std::vector<fs::path>& inputs, const fs::path& output, bool recursive) {
  Finder finder(output, recursive);
  for (const auto& input : inputs) finder.add(input);
  return finder.take();
}
