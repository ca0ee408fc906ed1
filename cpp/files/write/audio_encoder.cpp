#include "write/audio_encoder.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "common/ffmpeg.hpp"
#include "write/packet_sink.hpp"

inline namespace demucs_ort_files {

struct AudioEncoder::Impl {
  Impl(const Encoding& encoding, int rate, std::size_t channels, std::string file);

  void check(int status) const {
    if (status < 0) throw ExitError(exit_output, "cannot write '" + name + "': " + ffmpeg_reason(status));
  }
  void start(const Encoding& encoding);
  void put(int frames, const float* const* channels);
  void send(int frames, std::size_t stream, PacketSink& packets);
  void drain(std::size_t stream, PacketSink& packets);

  std::string name;
  CodecPtr codec;
  ResamplerPtr converter;  // from planar floats to the codec's samples
  FifoPtr waiting;         // for a whole frame of the codec
  FramePtr frame{allocated(av_frame_alloc())};
  PacketPtr packet{allocated(av_packet_alloc())};
  int frame_size = 0;
  std::int64_t time = 0;  // of the next frame that is sent to the codec
};

AudioEncoder::Impl::Impl(const Encoding& encoding, int rate, std::size_t channels, std::string file)
    : name(std::move(file)) {
  const AVCodec* encoder = allocated(avcodec_find_encoder_by_name(encoder_name(encoding).c_str()));
  codec.reset(allocated(avcodec_alloc_context3(encoder)));
  codec->sample_rate = rate;
  codec->time_base = {1, rate};
  av_channel_layout_default(&codec->ch_layout, static_cast<int>(channels));
  start(encoding);
  constexpr int pcm_block = 1 << 16;
  frame_size = codec->frame_size > 0 ? codec->frame_size : pcm_block;
  waiting.reset(allocated(av_audio_fifo_alloc(codec->sample_fmt, static_cast<int>(channels), 2 * frame_size)));
  SwrContext* context = nullptr;
  const int status = swr_alloc_set_opts2(&context, &codec->ch_layout, codec->sample_fmt, rate, &codec->ch_layout,
                                         AV_SAMPLE_FMT_FLTP, rate, 0, nullptr);
  converter.reset(context);
  check(status);
  check(swr_init(context));
}

void AudioEncoder::Impl::start(const Encoding& encoding) {
  const bool planar = encoding.codec == Codec::alac;
  switch (encoding.samples) {
    case SampleFormat::int16:
      codec->sample_fmt = planar ? AV_SAMPLE_FMT_S16P : AV_SAMPLE_FMT_S16;
      break;
    case SampleFormat::int24:
      codec->sample_fmt = planar ? AV_SAMPLE_FMT_S32P : AV_SAMPLE_FMT_S32;
      codec->bits_per_raw_sample = 24;
      break;
    case SampleFormat::float32:
      codec->sample_fmt = is_lossy(encoding.codec) ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_FLT;
      break;
  }
  if (is_lossy(encoding.codec)) codec->bit_rate = bit_rate(encoding, codec->sample_rate);
  codec->flags |= AV_CODEC_FLAG_BITEXACT;  // the same stems give the same bytes
  const bool mp4 = encoding.format == Format::m4a || encoding.format == Format::stem_mp4;
  if (mp4) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;  // the container keeps it
  if (const int status = avcodec_open2(codec.get(), nullptr, nullptr); status < 0) {
    const std::string setting =
        codec->bit_rate > 0 ? " at " + std::to_string(codec->bit_rate / 1000) + " kbit/s" : std::string();
    throw ExitError(exit_output, "cannot write '" + name + "': FFmpeg's encoder " + encoder_name(encoding) +
                                     " refuses " + std::to_string(codec->sample_rate) + " Hz" + setting);
  }
}

/// Converts frames to the codec's samples and adds them to those that wait.
void AudioEncoder::Impl::put(int frames, const float* const* channels) {
  av_frame_unref(frame.get());
  frame->nb_samples = frames;
  frame->format = codec->sample_fmt;
  check(av_channel_layout_copy(&frame->ch_layout, &codec->ch_layout));
  check(av_frame_get_buffer(frame.get(), 0));
  check(swr_convert(converter.get(), frame->data, frames, ffmpeg_planes(channels), frames));
  check(av_audio_fifo_write(waiting.get(), reinterpret_cast<void**>(frame->data), frames));
}

/// Encodes the first `frames` of those that wait.
void AudioEncoder::Impl::send(int frames, std::size_t stream, PacketSink& packets) {
  av_frame_unref(frame.get());
  frame->nb_samples = frames;
  frame->format = codec->sample_fmt;
  frame->sample_rate = codec->sample_rate;
  frame->pts = time;
  check(av_channel_layout_copy(&frame->ch_layout, &codec->ch_layout));
  check(av_frame_get_buffer(frame.get(), 0));
  check(av_audio_fifo_read(waiting.get(), reinterpret_cast<void**>(frame->data), frames));
  check(avcodec_send_frame(codec.get(), frame.get()));
  time += frames;
  drain(stream, packets);
}

void AudioEncoder::Impl::drain(std::size_t stream, PacketSink& packets) {
  while (true) {
    const int received = avcodec_receive_packet(codec.get(), packet.get());
    if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return;
    check(received);
    packets.write(stream, packet.get());
    av_packet_unref(packet.get());
  }
}

AudioEncoder::AudioEncoder(const Encoding& encoding, int rate, std::size_t channels, std::string file)
    : impl_(std::make_unique<Impl>(encoding, rate, channels, std::move(file))) {}
AudioEncoder::~AudioEncoder() = default;
AudioEncoder::AudioEncoder(AudioEncoder&&) noexcept = default;

void AudioEncoder::start_at(std::int64_t time) noexcept { impl_->time = time; }

void AudioEncoder::encode(std::size_t frames, const float* const* channels, std::size_t stream, PacketSink& packets) {
  const auto channel_count = static_cast<std::size_t>(impl_->codec->ch_layout.nb_channels);
  for (std::size_t at = 0; at < frames;) {
    const auto count = std::min(frames - at, static_cast<std::size_t>(impl_->frame_size));
    std::vector<const float*> rest;
    for (std::size_t c = 0; c < channel_count; ++c) rest.push_back(channels[c] + at);
    impl_->put(static_cast<int>(count), rest.data());
    at += count;
    while (av_audio_fifo_size(impl_->waiting.get()) >= impl_->frame_size) {
      impl_->send(impl_->frame_size, stream, packets);
    }
  }
}

void AudioEncoder::finish(std::size_t stream, PacketSink& packets) {
  if (const int rest = av_audio_fifo_size(impl_->waiting.get()); rest > 0) impl_->send(rest, stream, packets);
  impl_->check(avcodec_send_frame(impl_->codec.get(), nullptr));
  impl_->drain(stream, packets);
}

const AVCodecContext* AudioEncoder::context() const noexcept { return impl_->codec.get(); }

}  // namespace demucs_ort_files
