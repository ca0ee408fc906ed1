#pragma once

#include <filesystem>

/// Whether a file's ending is one of music or film. (FFmpeg's own lists name texts and pictures, too, and lack some.)
bool has_song_ending(const std::filesystem::path& file);
