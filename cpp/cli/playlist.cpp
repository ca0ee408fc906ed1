#include "playlist.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/place_of.hpp"
#include "common/text.hpp"

namespace fs = std::filesystem;

namespace {

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

/// The path of a URL of this machine (file:/a, file:///a, file://localhost/a); nothing if it leads elsewhere.
std::optional<std::string> path_of_url(const std::string& url) {
  std::string path = url.substr(url.find(':') + 1);
  if (lower_case(url.substr(0, url.find(':'))) != "file") return std::nullopt;
  if (path.rfind("//", 0) == 0) {
    const std::string host = lower_case(path.substr(2, path.find('/', 2) - 2));
    if (!host.empty() && host != "localhost") return std::nullopt;
    path.erase(0, 2 + host.size());
  }
#ifdef _WIN32
  if (path.size() > 2 && path[0] == '/' && path[2] == ':') path.erase(0, 1);  // file:///C:/a
#endif
  return percent_decoded(path);
}

/// A scheme is longer than the letter of a drive.
bool is_url(const std::string& line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos || colon < 2) return false;
  return line.compare(colon, 3, "://") == 0 || lower_case(line.substr(0, colon + 2)) == "file:/";
}

/// The file that a line means: as it stands, with Windows' separators, percent-encoded, or in the old encoding of .m3u.
fs::path local_file(const fs::path& folder, const std::string& line) {
  std::vector<std::string> spellings{line, line};
  std::replace(spellings[1].begin(), spellings[1].end(), '\\', '/');
  for (std::size_t i = 0; i < 2; ++i) spellings.push_back(percent_decoded(spellings[i]));
  for (std::size_t i = 0; i < 4; ++i) spellings.push_back(utf8_from_latin1(spellings[i]));
  for (const auto& spelling : spellings) {
    const fs::path file = folder / demucs_ort::utf8_path(spelling);
    if (is_there(file)) return file;
  }
  return folder / demucs_ort::utf8_path(line);
}

PlaylistEntry entry_of(const fs::path& playlist, const std::string& line) {
  std::optional<std::string> path = line;
  if (is_url(line)) path = path_of_url(line);
  if (path) return {local_file(playlist.parent_path(), *path), {}};
  return {demucs_ort::utf8_path(line),
          "cannot read '" + line + "' of '" + demucs_ort::utf8(playlist) + "': it is no local file"};
}

}  // namespace

bool is_playlist(const fs::path& file) {
  const std::string ending = lower_case(demucs_ort::utf8(file.extension()));
  return (ending == ".m3u" || ending == ".m3u8") && is_there(file);
}

std::vector<PlaylistEntry> read_playlist(const fs::path& playlist) {
  const auto fail = [&](const std::string& why) {
    throw ExitError(exit_input, "cannot read '" + demucs_ort::utf8(playlist) + "': " + why);
  };
  std::ifstream lines(playlist, std::ios::binary);
  if (!lines) fail(std::strerror(errno));
  std::vector<PlaylistEntry> entries;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    if (!line.empty() && line[0] != '#') entries.push_back(entry_of(playlist, line));
  }
  if (entries.empty()) fail("the playlist names no file");
  return entries;
}
