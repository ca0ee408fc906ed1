#include "stem_file/stem_file.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include "common/encoding.hpp"
#include "common/ffmpeg.hpp"
#include "common/tags.hpp"
#include "read/packet_copy.hpp"
#include "stem_file/stem_settings.hpp"
#include "write/audio_encoder.hpp"

inline namespace demucs_ort_files {

StemFile::StemFile(const std::filesystem::path& file, const StemFileSettings& settings, int rate,
                   const PacketCopy* copied_mix, const std::vector<AudioEncoder>& encoders, const Tags& tags)
    : manifest_(stem_manifest(settings)), output_(file, "mp4", rate) {
  if (copied_mix != nullptr) label(output_.add_stream(copied_mix->parameters()), "Mix");
  for (const auto& encoder : encoders) {
    const unsigned stream = output_.context()->nb_streams;
    label(output_.add_stream(encoder.context()), stream == 0 ? "Mix" : settings.names[stream - 1]);
  }
  output_.set_option("movie_timescale", std::to_string(rate));  // the unit of edit lists, which tell the exact length
  output_.start(Format::stem_mp4, tags);
}

void StemFile::label(AVStream* stream, const std::string& name) const {
  // FFmpeg enables the tracks that are default.
  stream->disposition = stream->index == 0 ? AV_DISPOSITION_DEFAULT : 0;
  output_.check(av_dict_set(&stream->metadata, "handler_name", name.c_str(), 0));
}

}  // namespace demucs_ort_files
