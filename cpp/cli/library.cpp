#include "library.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/place_of.hpp"
#include "common/text.hpp"
#include "left_out.hpp"
#include "playlist.hpp"
#include "song_endings.hpp"
#include "track/file_name.hpp"
#include "track/track.hpp"
#include "track_record.hpp"
#include "write/scratch_folder.hpp"

namespace fs = std::filesystem;

namespace {

bool is_folder(const fs::path& file) {
  std::error_code ignored;
  return fs::is_directory(file, ignored);
}

bool has_wildcard(const fs::path& name) { return demucs_ort::utf8(name).find_first_of("*?") != std::string::npos; }

bool is_pattern(const fs::path& name) { return has_wildcard(name) && !is_there(name); }

/// What systems and synchronising programs keep beside songs. A leading dot alone says nothing: "...Baby.wav".
bool belongs_to_system(const fs::path& entry) {
  static const std::set<std::string> folders{"$recycle.bin",
                                             "#recycle",
                                             "#snapshot",
                                             "@eadir",
                                             "@recycle",
                                             "@snapshot",
                                             "@syncthing",
                                             ".appledouble",
                                             ".snapshot",
                                             ".snapshots",
                                             ".spotlight-v100",
                                             ".stversions",
                                             ".trash",
                                             ".trashes",
                                             "__macosx",
                                             "lost+found",
                                             "system volume information"};
  const std::string name = lower_case(demucs_ort::utf8(entry.filename()));
  if (!is_folder(entry)) return name.rfind("._", 0) == 0;  // what macOS notes of the file x lies in ._x
  return folders.count(name) > 0 || name.rfind(".trash-", 0) == 0;
}

/// What of a pattern comes before its first component with a wildcard.
fs::path fixed_part(const fs::path& pattern) {
  fs::path fixed;
  for (const auto& component : pattern) {
    if (has_wildcard(component)) break;
    fixed /= component;
  }
  return fixed;
}

/// The place of a file below a folder, on every system the same; of a file elsewhere the last part of its path.
std::string place_below(const fs::path& folder, const fs::path& file) {
  const fs::path inside = file.lexically_relative(folder.empty() ? fs::path(".") : folder);
  const auto text = (inside.empty() || *inside.begin() == ".." ? file.filename() : inside).generic_u8string();
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

/// Whether a name fits a pattern of * (any text) and ? (one byte).
bool matches(const char* pattern, const char* name) {
  if (*pattern == '\0') return *name == '\0';
  if (*pattern == '*') return matches(pattern + 1, name) || (*name != '\0' && matches(pattern, name + 1));
  return *name != '\0' && (*pattern == '?' || *pattern == *name) && matches(pattern + 1, name + 1);
}

class Finder {
 public:
  Finder(fs::path output, bool recursive) : output_(std::move(output)), recursive_(recursive) {}

  /// Takes what a word of the command line stands for.
  void add(const fs::path& input) {
    named_ = is_pattern(input) ? fixed_part(input) : is_folder(input) ? input : input.parent_path();
    look_at(input);
  }

  Library take() { return {std::move(tracks_), std::move(left_out_)}; }

 private:
  void look_at(const fs::path& input) {
    if (is_pattern(input)) {
      const std::size_t before = tracks_.size();
      const auto found = expand(input);
      for (const auto& path : found) {
        if (!leave_out_system(path)) look_at(path);
      }
      if (found.empty() && tracks_.size() == before)
        problem(input, "no file matches '" + demucs_ort::utf8(input) + "'");
    } else if (is_folder(input)) {
      add_folder(input);
    } else if (is_playlist(input)) {
      add_playlist(input);
    } else {
      song(input, track_name(input));
    }
  }

  void add_folder(const fs::path& folder) {
    const std::size_t before = tracks_.size() + repeated_;
    walk(folder, {});
    if (tracks_.size() + repeated_ == before) {
      const std::string hint = recursive_ ? "" : " itself; --recursive looks into its subfolders";
      problem(folder, "cannot read '" + demucs_ort::utf8(folder) + "': there is no audio file in this folder" + hint);
    }
  }

  void walk(const fs::path& folder, const fs::path& inside) {
    const auto made_here = files_recorded_in(folder);
    for (const auto& entry : sorted_entries(folder)) {
      if (leave_out_system(entry)) continue;
      if (is_our_own(entry) || made_here.count(recorded_name(entry)) > 0) {
        left_out_.add("made by this program");
      } else if (is_folder(entry)) {
        walk_subfolder(entry, inside / entry.filename());
      } else if (!has_song_ending(entry)) {
        left_out_.add_no_audio(lower_case(demucs_ort::utf8(entry.extension())));
      } else if (is_stem_file(entry)) {
        left_out_.add("stem files");
      } else {
        song(entry, inside / track_name(entry));
      }
    }
  }

  void walk_subfolder(const fs::path& folder, const fs::path& inside) {
    std::error_code ignored;
    if (fs::is_symlink(folder, ignored)) {
      left_out_.add("links to folders");  // one to a folder above would lead round in circles
    } else if (!recursive_) {
      left_out_.add("subfolders, without --recursive");
    } else {
      walk(folder, inside);
    }
  }

  bool is_our_own(const fs::path& entry) const {
    std::error_code ignored;
    return fs::equivalent(entry, output_, ignored) || is_track_record(entry) || ScratchFolder::is_one(entry);
  }

  bool leave_out_system(const fs::path& entry) {
    if (!belongs_to_system(entry)) return false;
    left_out_.add("of the system");
    return true;
  }

  /// What lies in a folder. One that cannot be read is a track that fails.
  std::vector<fs::path> sorted_entries(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      entries.push_back(entry->path());
    }
    if (error) problem(folder, "cannot read the folder '" + demucs_ort::utf8(folder) + "': " + error.message());
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  /// All paths that fit the pattern, component by component.
  std::vector<fs::path> expand(const fs::path& pattern) {
    std::vector<fs::path> found{pattern.root_path()};
    for (const auto& component : pattern.relative_path()) {
      std::vector<fs::path> next;
      for (const auto& base : found) {
        if (!has_wildcard(component)) {
          if (is_there(base / component)) next.push_back(base / component);
          continue;
        }
        if (!base.empty() && !is_folder(base)) continue;
        for (const auto& entry : sorted_entries(base.empty() ? fs::path(".") : base)) {
          const fs::path name = entry.filename();
          if (matches(demucs_ort::utf8(component).c_str(), demucs_ort::utf8(name).c_str())) next.push_back(base / name);
        }
      }
      found = std::move(next);
    }
    return found;
  }

  void add_playlist(const fs::path& playlist) {
    try {
      for (const auto& entry : read_playlist(playlist)) {
        entry.problem.empty() ? song(entry.file, track_name(entry.file)) : problem(entry.file, entry.problem);
      }
    } catch (const ExitError& error) {
      problem(playlist, error.what());
    }
  }

  void song(const fs::path& file, const fs::path& name) {
    if (!seen_.insert(place_of(file)).second) {
      ++repeated_;
      return;
    }
    tracks_.push_back({{file, output_, demucs_ort::utf8(name)}, {}, place_below(named_, file)});
  }

  void problem(const fs::path& input, const std::string& sentence) {
    tracks_.push_back({{input, output_, demucs_ort::utf8(input.stem())}, ExitError(exit_input, sentence), {}});
  }

  fs::path output_;
  bool recursive_;
  fs::path named_;  // the folder below which the places of this word's songs are
  std::vector<Track> tracks_;
  LeftOut left_out_;
  std::set<fs::path> seen_;
  std::size_t repeated_ = 0;
};

/// Song.mp3 and Song.flac are called so instead of Song.
void tell_apart(std::vector<Track>& tracks) {
  std::map<std::string, std::vector<TrackJob*>> by_name;
  for (auto& track : tracks) {
    if (!track.problem) by_name[track.job.name].push_back(&track.job);
  }
  for (const auto& [name, twins] : by_name) {
    if (twins.size() == 1) continue;
    const fs::path folder = demucs_ort::utf8_path(name).parent_path();
    for (auto* job : twins) job->name = demucs_ort::utf8(folder / job->input.filename());
  }
}

}  // namespace

bool is_library(const std::vector<fs::path>& inputs) {
  return inputs.size() > 1 || std::any_of(inputs.begin(), inputs.end(), [](const fs::path& input) {
           return is_folder(input) || is_playlist(input) || is_pattern(input);
         });
}

Library find_library(const std::vector<fs::path>& inputs, const fs::path& output, bool recursive) {
  Finder finder(output, recursive);
  for (const auto& input : inputs) finder.add(input);
  Library library = finder.take();
  tell_apart(library.tracks);
  return library;
}
