#include "audio_writer.hpp"

#include <string>

#include "audio_encoder.hpp"
#include "mp4_boxes.hpp"
#include "output_file.hpp"

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

}  // namespace

struct AudioWriter::Impl {
  Impl(const std::filesystem::path& path, const Encoding& encoding, int rate, std::size_t channels, const Tags& tags);

  AudioEncoder::TakePacket take() {
    return [this](AVPacket* packet) { output.write(packet, 0, encoder.context()->time_base); };
  }

  std::filesystem::path file;
  AudioEncoder encoder;
  OutputFile output;
  TextTags freeform;
};

AudioWriter::Impl::Impl(const std::filesystem::path& path, const Encoding& encoding, int rate, std::size_t channels,
                        const Tags& tags)
    : file(path),
      encoder(encoding, rate, channels, encoding.format == Format::m4a, path.string()),
      output(path, muxer_name(encoding.format)) {
  output.add_stream(encoder.context());
  freeform = set_text_tags(output.context(), encoding.format, tags);
  const int picture = add_picture_stream(output.context(), encoding.format, tags);
  if (encoding.format == Format::m4a) {
    output.set_option("movie_timescale", std::to_string(rate));  // the unit of edit lists, which tell the exact length
  } else {
    // The same stems give the same bytes. MP4 has nothing random, and loses its tags by this flag.
    output.context()->flags |= AVFMT_FLAG_BITEXACT;
  }
  if (encoding.format == Format::wav) output.set_option("rf64", "auto");
  output.start();
  output.check(write_picture(output.context(), picture, tags));
}

AudioWriter::AudioWriter(const std::filesystem::path& file, const Encoding& encoding, int rate, std::size_t channels,
                         const Tags& tags)
    : impl_(std::make_unique<Impl>(file, encoding, rate, channels, tags)) {}

AudioWriter::~AudioWriter() = default;

void AudioWriter::write(std::size_t frames, const float* const* channels) {
  impl_->encoder.encode(frames, channels, impl_->take());
}

void AudioWriter::finish() {
  impl_->encoder.finish(impl_->take());
  impl_->output.finish();
  if (!impl_->freeform.empty()) add_mp4_boxes(impl_->file, {}, impl_->freeform);
}
