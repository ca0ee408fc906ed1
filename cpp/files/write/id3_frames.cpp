#include "write/id3_frames.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/exit_error.hpp"
#include "common/tags.hpp"
#include "write/finished_file.hpp"

inline namespace demucs_ort_files {

// https://id3.org/id3v2.4.0-structure: a header of 10 bytes, frames with headers of 10 bytes, padding of zeros. Sizes
// have 7 bits a byte.
namespace {

constexpr std::size_t header_size = 10;

std::string synchsafe(std::size_t value) {
  std::string bytes;
  for (int shift = 21; shift >= 0; shift -= 7) bytes.push_back(static_cast<char>(value >> shift & 0x7F));
  return bytes;
}

std::size_t synchsafe_at(const std::string& bytes, std::size_t at) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 7 | (static_cast<std::uint8_t>(bytes[at + i]) & 0x7FU);
  return value;
}

/// The frames COMM and USLT are built alike: encoding, language, description, text.
std::string frame(const std::string& name, const std::string& value) {
  constexpr char utf8 = 3;
  std::string language = "XXX";  // not known
  std::string description;
  if (const auto dash = name.rfind('-'); dash != std::string::npos && name.size() == dash + 4) {
    language = name.substr(dash + 1);
    const auto first = name.find('-');
    if (first < dash) description = name.substr(first + 1, dash - first - 1);
  }
  const std::string content = utf8 + language + description + '\0' + value;
  return (is_lyrics(name) ? "USLT" : "COMM") + synchsafe(content.size()) + std::string(2, '\0') + content;
}

}  // namespace

std::string id3_frames(const TextTags& tags) {
  std::string frames;
  for (const auto& [name, value] : tags) frames += frame(name, value);
  return frames;
}

void add_id3_frames(const std::filesystem::path& path, const std::string& frames) {
  FinishedFile file(path);
  const std::size_t end = header_size + synchsafe_at(file.read(0, header_size), 6);
  std::size_t at = header_size;
  while (at + header_size <= end) {
    const std::string header = file.read(at, header_size);
    if (header[0] == '\0') break;
    at += header_size + synchsafe_at(header, 4);
  }
  if (at + frames.size() > end) throw ExitError(exit_internal, "FFmpeg wrote an mp3 file without room for its tags");
  file.write(at, frames);
  file.close();
}

}  // namespace demucs_ort_files
