#include "write/separate_files.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/encoding.hpp"
#include "common/ffmpeg.hpp"
#include "common/tags.hpp"
#include "write/audio_encoder.hpp"

inline namespace demucs_ort_files {

namespace {

const char* muxer_name(Format format) {
  switch (format) {
    case Format::wav:
      return "wav";
    case Format::flac:
      return "flac";
    case Format::mp3:
      return "mp3";
    case Format::ogg:
      return "ogg";
    case Format::m4a:
    case Format::stem_mp4:
      break;
  }
  return "ipod";
}

constexpr std::uint64_t shortest_rf64 = 0xF000'0000;  // bytes of samples; leaves 256 MB for all else

std::uint64_t block_align(const AudioEncoder& encoder) {
  return static_cast<std::uint64_t>(std::max(1, encoder.context()->block_align));
}

}  // namespace

SeparateFiles::SeparateFiles(const std::vector<std::filesystem::path>& files, const Encoding& encoding, int rate,
                             std::optional<std::uint64_t> length, const std::vector<AudioEncoder>& encoders,
                             const Tags& tags) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& file = files_.emplace_back(files[i], muxer_name(encoding.format), rate);
    file.add_stream(encoders[i].context());
    if (encoding.format == Format::m4a) {
      file.set_option("movie_timescale", std::to_string(rate));  // the unit of edit lists, which tell the exact length
    } else {
      // The same stems give the same bytes. MP4 has nothing random, and loses its tags by this flag.
      file.context()->flags |= AVFMT_FLAG_BITEXACT;
    }
    const bool long_enough = !length || *length > shortest_rf64 / block_align(encoders[i]);
    if (encoding.format == Format::wav && long_enough) {
      file.set_option("rf64", "auto");  // it puts a chunk before the format, where simple readers look for that
    }
    file.start(encoding.format, tags);
  }
}

void SeparateFiles::finish() {
  for (auto& file : files_) file.finish();
}

}  // namespace demucs_ort_files
