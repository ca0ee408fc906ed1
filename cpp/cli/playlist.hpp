#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// An .m3u or .m3u8 file that is there.
bool is_playlist(const std::filesystem::path& file);

/// A line of a playlist: a local file, or why it is none.
struct PlaylistEntry {
  std::filesystem::path file;
  std::string problem;  ///< one sentence; empty: `file` is one
};

/// The lines in their order. Throws ExitError exit_input if the playlist cannot be read or names nothing.
std::vector<PlaylistEntry> read_playlist(const std::filesystem::path& playlist);
