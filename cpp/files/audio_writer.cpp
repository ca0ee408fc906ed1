#include "audio_writer.hpp"

extern "C" {
#include <libavutil/opt.h>
}

#include <string>

#include "audio_encoder.hpp"
#include "failure.hpp"
#include "ffmpeg.hpp"
#include "mp4_boxes.hpp"

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

  void check(int status) const {
    if (status < 0) throw Failure(exit_output, "cannot write '" + file.string() + "': " + ffmpeg_reason(status));
  }
  void set_options(Format format, int rate);
  AudioEncoder::TakePacket take() {
    return [this](AVPacket* packet) {
      packet->stream_index = 0;
      av_packet_rescale_ts(packet, encoder.context()->time_base, output->streams[0]->time_base);
      check(av_interleaved_write_frame(output.get(), packet));
      check(output->pb->error);
    };
  }

  std::filesystem::path file;
  AudioEncoder encoder;
  OutputPtr output;
  TextTags freeform;
};

AudioWriter::Impl::Impl(const std::filesystem::path& path, const Encoding& encoding, int rate, std::size_t channels,
                        const Tags& tags)
    : file(path), encoder(encoding, rate, channels, encoding.format == Format::m4a, path.string()) {
  AVFormatContext* context = nullptr;
  check(avformat_alloc_output_context2(&context, nullptr, muxer_name(encoding.format), nullptr));
  output.reset(context);
  AVStream* stream = allocated(avformat_new_stream(context, nullptr));
  stream->time_base = encoder.context()->time_base;
  check(avcodec_parameters_from_context(stream->codecpar, encoder.context()));
  freeform = set_text_tags(context, encoding.format, tags);
  const int picture = add_picture_stream(context, encoding.format, tags);
  check(avio_open(&context->pb, ffmpeg_url(file).c_str(), AVIO_FLAG_WRITE));
  set_options(encoding.format, rate);
  check(avformat_write_header(context, nullptr));
  check(write_picture(context, picture, tags));
}

void AudioWriter::Impl::set_options(Format format, int rate) {
  if (format == Format::m4a) {
    // Edit lists tell the exact length in this unit.
    check(av_opt_set_int(output->priv_data, "movie_timescale", rate, 0));
    return;
  }
  // The same stems give the same bytes. MP4 has nothing random, and loses its tags by this flag.
  output->flags |= AVFMT_FLAG_BITEXACT;
  if (format == Format::wav) check(av_opt_set(output->priv_data, "rf64", "auto", 0));
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
  AVFormatContext* output = impl_->output.get();
  impl_->check(av_write_trailer(output));
  avio_flush(output->pb);
  impl_->check(output->pb->error);
  impl_->check(avio_closep(&output->pb));
  if (!impl_->freeform.empty()) add_mp4_boxes(impl_->file, {}, impl_->freeform);
}
