#pragma once

#include <string>

/// A part of the tracks of a command line, for machines that share the work without knowing of each other. Which part a
/// track is in depends on its place and on nothing else: its path below the folder, the fixed part of the pattern or
/// the folder of the playlist that was named, with its ending and with '/'; of a file named by itself, or listed from
/// elsewhere, its name. So all machines agree, wherever they have mounted the songs, and whatever is done already.
struct Shard {
  unsigned number = 1;  ///< 1 to count
  unsigned count = 1;

  bool has(const std::string& place) const;
  bool is_all() const { return count == 1; }
};

/// The shard that "3/16" means. Throws ExitError exit_usage.
Shard parse_shard(const std::string& text);

/// As it is written: "3/16".
std::string to_text(const Shard& shard);
