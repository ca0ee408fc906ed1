#include "write/mp4_boxes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/exit_error.hpp"
#include "common/tags.hpp"
#include "write/finished_file.hpp"

inline namespace demucs_ort_files {

// Boxes are those of ISO/IEC 14496-12: 4 bytes of size, 4 of type, content; numbers are big-endian.
namespace {

using Bytes = std::string;

Bytes box(const std::string& type, const Bytes& content) {
  return big_endian_bytes(content.size() + 8, 4) + type + content;
}

/// Where the child of that type lies in content[begin, end): the position of its header, or npos.
std::size_t find_box(const Bytes& bytes, std::size_t begin, std::size_t end, const std::string& type) {
  for (std::size_t at = begin; at + 8 <= end;) {
    const auto size = static_cast<std::size_t>(big_endian(bytes, at, 4));
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
    const std::size_t child = find_box(moov, parent + header, parent + big_endian(moov, parent, 4), type);
    if (child == Bytes::npos) return false;
    boxes.push_back(child);
  }
  const std::size_t end = boxes.back() + big_endian(moov, boxes.back(), 4);
  moov.insert(end, addition);
  for (const std::size_t at : boxes) {
    moov.replace(at, 4, big_endian_bytes(big_endian(moov, at, 4) + addition.size(), 4));
  }
  return true;
}

/// One freeform tag: its name space, its name, its value as UTF-8.
Bytes freeform_box(const std::string& name, const std::string& value) {
  constexpr std::size_t utf8 = 1;
  const Bytes no_flags(4, '\0');
  return box("----", box("mean", no_flags + "com.apple.iTunes") + box("name", no_flags + name) +
                         box("data", big_endian_bytes(utf8, 4) + no_flags + value));
}

/// Position of the file's last box, which is of type moov.
std::uint64_t find_moov(FinishedFile& file, std::uint64_t file_size) {
  for (std::uint64_t at = 0; at + 8 <= file_size;) {
    const Bytes header = file.read(at, static_cast<std::size_t>(std::min<std::uint64_t>(16, file_size - at)));
    std::uint64_t size = big_endian(header, 0, 4);
    if (size == 1 && header.size() == 16) size = big_endian(header, 8, 8);
    if (header.compare(4, 4, "moov") == 0 && at + size == file_size) return at;
    if (size < 8) break;
    at += size;
  }
  throw ExitError(exit_internal, "FFmpeg wrote an MP4 file that does not end with its moov box");
}

}  // namespace

void add_mp4_boxes(const std::filesystem::path& path, const std::string& stem, const TextTags& freeform) {
  FinishedFile file(path);
  const std::uint64_t size = file.size();
  const std::uint64_t at = find_moov(file, size);
  Bytes moov = file.read(at, static_cast<std::size_t>(size - at));
  bool found = true;
  for (const auto& [name, value] : freeform) {
    found = found && append(moov, {"udta", "meta", "ilst"}, freeform_box(name, value));
  }
  if (!stem.empty()) found = found && append(moov, {"udta"}, box("stem", stem));
  if (!found) throw ExitError(exit_internal, "FFmpeg wrote an MP4 file without the boxes for tags");
  file.write(at, moov);
  file.close();
}

}  // namespace demucs_ort_files
