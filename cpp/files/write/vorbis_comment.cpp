#include "write/vorbis_comment.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

extern "C" {
#include <libavutil/crc.h>
}

#include "common/exit_error.hpp"
#include "write/finished_file.hpp"

inline namespace demucs_ort_files {

namespace {

/// Computes the checksum of the Ogg page that begins at `start` anew (RFC 3533, section 6).
void sign_page(FinishedFile& file, std::uint64_t start) {
  constexpr std::size_t header_size = 27, checksum_at = 22;
  const std::string header = file.read(start, header_size);
  const auto segments = static_cast<std::size_t>(little_endian(header, header_size - 1, 1));
  const std::string lacing = file.read(start + header_size, segments);
  std::size_t size = header_size + segments;
  for (std::size_t i = 0; i < segments; ++i) size += static_cast<std::size_t>(little_endian(lacing, i, 1));
  std::string page = file.read(start, size);
  page.replace(checksum_at, 4, 4, '\0');
  const std::uint32_t checksum =
      av_crc(av_crc_get_table(AV_CRC_32_IEEE), 0, reinterpret_cast<const std::uint8_t*>(page.data()), page.size());
  file.write(start + checksum_at, big_endian_bytes(checksum, 4));  // FFmpeg has the bytes of this one turned round
}

}  // namespace

void name_vorbis_comment(const std::filesystem::path& path) {
  FinishedFile file(path);
  constexpr std::uint64_t enough = 1 << 12;
  const std::string begin = file.read(0, static_cast<std::size_t>(std::min(file.size(), enough)));
  const std::string stand_in = std::string(vorbis_comment_stand_in) + "=";
  const std::size_t at = begin.find(stand_in);
  if (at == std::string::npos) throw ExitError(exit_internal, "FFmpeg wrote a file without its comment");
  file.write(at, "COMMENT=");
  const std::size_t page = begin.rfind("OggS", at);
  if (begin.compare(0, 4, "OggS") == 0 && page != std::string::npos) sign_page(file, page);
  file.close();
}

}  // namespace demucs_ort_files
