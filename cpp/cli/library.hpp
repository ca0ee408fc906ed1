#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "track/track.hpp"

/// One track of the command line, or a word of it that leads to none.
struct Track {
  TrackJob job;
  std::string problem;  ///< one sentence; empty: there is a file to read
};

/// True for several inputs, and for one that stands for several: a folder, a playlist, a pattern.
bool is_library(const std::vector<std::filesystem::path>& inputs);

/// The tracks that the inputs stand for, each file once, in the order given; within folders sorted by name.
/// - A folder is its audio files, by their endings, with `recursive` those of its subfolders, too. Not taken: hidden
///   ones, stem files, what lies in `output`, and what a record says this program made. {track} is the path inside of
///   the folder, without ending.
/// - An .m3u or .m3u8 file is the local files it lists.
/// - A name with * or ? that is no file is all files it matches.
/// - Any other name is a file. {track} is its name without ending.
std::vector<Track> find_tracks(const std::vector<std::filesystem::path>& inputs, const std::filesystem::path& output,
                               bool recursive);
