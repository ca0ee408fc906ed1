#include "stem_file.hpp"

#include <limits>
#include <utility>
#include <vector>

#include "audio_encoder.hpp"
#include "mp4_boxes.hpp"
#include "output_file.hpp"

namespace {

constexpr std::size_t stereo = 2;

std::vector<std::string> stream_names(const std::filesystem::path& file, bool with_mix) {
  std::vector<std::string> names;
  if (with_mix) names.push_back("'" + file.string() + "', mix");
  for (const char* place : stem_places) names.push_back("'" + file.string() + "', " + place);
  return names;
}

}  // namespace

struct StemFile::Impl {
  Impl(const std::filesystem::path& path, const Encoding& encoding, const StemFileSettings& settings, int rate,
       const Tags& tags, std::unique_ptr<PacketCopy> copy);

  void label(AVStream* stream, const std::string& name) const;
  void delay_stems(int frames);
  void copy_mix(std::uint64_t until);
  AudioEncoder::TakePacket take(std::size_t encoder) {
    return [this, encoder](AVPacket* packet) {
      packet->pts -= extra_delay;
      packet->dts -= extra_delay;
      output.write(packet, static_cast<int>(encoder + (mix != nullptr ? 1 : 0)), time_base);
    };
  }

  std::filesystem::path file;
  std::string manifest;
  AVRational time_base;
  std::unique_ptr<PacketCopy> mix;
  std::vector<AudioEncoder> encoders;  // of the mix, if it is not copied, and of the stems
  OutputFile output;
  TextTags freeform;
  PacketPtr packet{allocated(av_packet_alloc())};
  std::int64_t extra_delay = 0;  // of the stems, to have that of a copied mix
  std::uint64_t written = 0;     // frames
};

StemFile::Impl::Impl(const std::filesystem::path& path, const Encoding& encoding, const StemFileSettings& settings,
                     int rate, const Tags& tags, std::unique_ptr<PacketCopy> copy)
    : file(path), manifest(stem_manifest(settings)), time_base{1, rate}, mix(std::move(copy)), output(path, "mp4") {
  if (mix != nullptr) label(output.add_stream(mix->parameters(), rate), "Mix");
  while (output.context()->nb_streams <= stem_place_count) {
    const unsigned stream = output.context()->nb_streams;
    encoders.emplace_back(encoding, rate, stereo, true, path.string());
    label(output.add_stream(encoders.back().context()), stream == 0 ? "Mix" : settings.names[stream - 1]);
  }
  freeform = set_text_tags(output.context(), Format::stem_mp4, tags);
  const int picture = add_picture_stream(output.context(), Format::stem_mp4, tags);
  output.set_option("movie_timescale", std::to_string(rate));  // the unit of edit lists, which tell the exact length
  output.start();
  output.check(write_picture(output.context(), picture, tags));
  const int own_delay = encoders.front().context()->initial_padding;
  if (mix != nullptr && mix->delay() > own_delay) delay_stems(mix->delay() - own_delay);
}

void StemFile::Impl::label(AVStream* stream, const std::string& name) const {
  // FFmpeg enables the tracks that are default.
  stream->disposition = stream->index == 0 ? AV_DISPOSITION_DEFAULT : 0;
  output.check(av_dict_set(&stream->metadata, "handler_name", name.c_str(), 0));
}

void StemFile::Impl::delay_stems(int frames) {
  extra_delay = frames;
  const std::vector<float> silence(static_cast<std::size_t>(frames), 0.0F);
  const std::vector<const float*> channels(stereo, silence.data());
  for (std::size_t i = 0; i < encoders.size(); ++i) encoders[i].encode(silence.size(), channels.data(), take(i));
}

void StemFile::Impl::copy_mix(std::uint64_t until) {
  while (mix != nullptr && mix->next(packet.get(), until)) output.write(packet.get(), 0, time_base);
}

StemFile::StemFile(const std::filesystem::path& file, const std::filesystem::path& final_name, const Encoding& encoding,
                   const StemFileSettings& settings, int rate, const Tags& tags, std::unique_ptr<PacketCopy> mix)
    : StemOutput(encoding, stream_names(final_name, mix == nullptr), stereo, true, file.parent_path()),
      impl_(std::make_unique<Impl>(file, encoding, settings, rate, tags, std::move(mix))) {}

StemFile::~StemFile() = default;

void StemFile::encode(std::size_t frames, const float* const* const* streams) {
  impl_->written += frames;
  impl_->copy_mix(impl_->written);
  for (std::size_t i = 0; i < impl_->encoders.size(); ++i) {
    impl_->encoders[i].encode(frames, streams[i], impl_->take(i));
  }
}

void StemFile::complete() {
  impl_->copy_mix(std::numeric_limits<std::int64_t>::max());
  for (std::size_t i = 0; i < impl_->encoders.size(); ++i) impl_->encoders[i].finish(impl_->take(i));
  impl_->output.finish();
  add_mp4_boxes(impl_->file, impl_->manifest, impl_->freeform);
}
