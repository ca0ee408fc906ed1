#include "write/mp4_boxes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>
#include <vector>

#include "common/exit_error.hpp"
#include "common/tags.hpp"

// Boxes are those of ISO/IEC 14496-12: 4 bytes of size, 4 of type, content; numbers are big-endian.
namespace {

using Bytes = std::string;

std::uint64_t number(const Bytes& bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

Bytes number_bytes(std::size_t value) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xFF));
  return bytes;
}

Bytes box(const std::string& type, const Bytes& content) { return number_bytes(content.size() + 8) + type + content; }

/// Where the child of that type lies in content[begin, end): the position of its header, or npos.
std::size_t find_box(const Bytes& bytes, std::size_t begin, std::size_t end, const std::string& type) {
  for (std::size_t at = begin; at + 8 <= end;) {
    const auto size = static_cast<std::size_t>(number(bytes, at, 4));
    if (bytes.compare(at + 4, 4, type) == 0) return at;
    if (size < 8 || size > end - at) break;
    at += size;
  }
  return Bytes::npos;
}

/// Appends `addition` to the box found by following `path` inside of the one box `moov`, and makes all boxes on the
/// way that much longer. False if there is no such box.
bool append(Bytes& moov, const std::vector<std::string>& path, const Bytes& addition) {
  std::vector<std::size_t> boxes{0};
  for (const auto& type : path) {
    const std::size_t parent = boxes.back();
    // "meta" is a full box: version and flags come before its children.
    const std::size_t header = moov.compare(parent + 4, 4, "meta") == 0 ? 12 : 8;
    const std::size_t child = find_box(moov, parent + header, parent + number(moov, parent, 4), type);
    if (child == Bytes::npos) return false;
    boxes.push_back(child);
  }
  const std::size_t end = boxes.back() + number(moov, boxes.back(), 4);
  moov.insert(end, addition);
  for (const std::size_t at : boxes) moov.replace(at, 4, number_bytes(number(moov, at, 4) + addition.size()));
  return true;
}

/// One freeform tag: its name space, its name, its value as UTF-8.
Bytes freeform_box(const std::string& name, const std::string& value) {
  constexpr std::size_t utf8 = 1;
  const Bytes no_flags(4, '\0');
  return box("----", box("mean", no_flags + "com.apple.iTunes") + box("name", no_flags + name) +
                         box("data", number_bytes(utf8) + no_flags + value));
}

/// Position of the file's last box, which is of type moov.
std::uint64_t find_moov(std::fstream& file, std::uint64_t file_size) {
  for (std::uint64_t at = 0; at + 8 <= file_size;) {
    Bytes header(16, '\0');
    file.seekg(static_cast<std::streamoff>(at));
    file.read(header.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(16, file_size - at)));
    std::uint64_t size = number(header, 0, 4);
    if (size == 1) size = number(header, 8, 8);
    if (header.compare(4, 4, "moov") == 0 && at + size == file_size) return at;
    if (size < 8) break;
    at += size;
  }
  throw ExitError(exit_internal, "FFmpeg wrote an MP4 file that does not end with its moov box");
}

}  // namespace

void add_mp4_boxes(const std::filesystem::path& path, const std::string& stem, const TextTags& freeform) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) throw ExitError(exit_output, "cannot read back '" + path.string() + "': " + error.message());
  const std::uint64_t at = find_moov(file, size);
  Bytes moov(size - at, '\0');
  file.seekg(static_cast<std::streamoff>(at));
  file.read(moov.data(), static_cast<std::streamsize>(moov.size()));
  if (!file) throw ExitError(exit_output, "cannot read back '" + path.string() + "'");
  bool found = true;
  for (const auto& [name, value] : freeform) {
    found = found && append(moov, {"udta", "meta", "ilst"}, freeform_box(name, value));
  }
  if (!stem.empty()) found = found && append(moov, {"udta"}, box("stem", stem));
  if (!found) throw ExitError(exit_internal, "FFmpeg wrote an MP4 file without the boxes for tags");
  file.seekp(static_cast<std::streamoff>(at));
  file.write(moov.data(), static_cast<std::streamsize>(moov.size()));
  file.close();
  if (!file) throw ExitError(exit_output, "cannot write '" + path.string() + "'");
}
