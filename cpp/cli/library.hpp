#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/exit_error.hpp"
#include "left_out.hpp"
#include "track/track.hpp"

/// One track of the command line, or a word of it that leads to none.
struct Track {
  TrackJob job;
  std::optional<ExitError> problem;  ///< why it is not tried
  std::string place;                 ///< its path below the word it comes from (see Shard); empty: it leads to no song
};

/// What the words of the command line stand for.
struct Library {
  std::vector<Track> tracks;
  LeftOut left_out;
};

/// True for several inputs, and for one that stands for several: a folder, a playlist, a pattern.
bool is_library(const std::vector<std::filesystem::path>& inputs);

/// The tracks that the inputs stand for, each file once, in the order given; within folders sorted by name.
/// - A folder is its audio files, by their endings, with `recursive` those of its subfolders, too. Left out are what
/// the
///   system keeps there, stem files, what lies in `output`, and what a record says this program made. {track} is the
///   path inside of the folder, without ending.
/// - An .m3u or .m3u8 file is the local files it lists.
/// - A name with * or ? that is no file is all it matches: files, folders and playlists.
/// - Any other name is a file. {track} is its name without ending.
/// Tracks of one name whose files' endings differ keep these endings in their names. What cannot be read is a track
/// with a problem.
Library find_library(const std::vector<std::filesystem::path>& inputs, const std::filesystem::path& output,
                     bool recursive);
