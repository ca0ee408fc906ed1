#include "audio_encoder.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "exit_error.hpp"
#include "ffmpeg.hpp"

struct AudioEncoder::Impl {
  Impl(const Encoding& encoding, int rate, std::size_t channels, bool global_header, std::string file);

  void check(int status) const {
    if (status < 0) throw ExitError(exit_output, "cannot write '" + name + "': " + ffmpeg_reason(status));
  }
  void start(const Encoding& encoding, bool global_header);
  void send(int frames, const TakePacket& take);
  void drain(const TakePacket& take);

  std::string name;
  CodecPtr codec;
  ResamplerPtr converter;  // from planar floats to the codec's samples
  FifoPtr waiting;         // for a whole frame of the codec
  FramePtr frame{allocated(av_frame_alloc())};
  PacketPtr packet{allocated(av_packet_alloc())};
  int frame_size = 0;
  std::int64_t sent = 0;
};

AudioEncoder::Impl::Impl(const Encoding& encoding, int rate, std::size_t channels, bool global_header, std::string file)
    : name(std::move(file)) {
  const AVCodec* encoder = allocated(avcodec_find_encoder_by_name(encoder_name(encoding).c_str()));
  codec.reset(allocated(avcodec_alloc_context3(encoder)));
  codec->sample_rate = rate;
  codec->time_base = {1, rate};
  av_channel_layout_default(&codec->ch_layout, static_cast<int>(channels));
  start(encoding, global_header);
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

void AudioEncoder::Impl::start(const Encoding& encoding, bool global_header) {
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
  if (global_header) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (const int status = avcodec_open2(codec.get(), nullptr, nullptr); status < 0) {
    const std::string setting =
        codec->bit_rate > 0 ? " at " + std::to_string(codec->bit_rate / 1000) + " kbit/s" : std::string();
    throw ExitError(exit_output, "cannot write '" + name + "': FFmpeg's encoder " + encoder_name(encoding) +
                                     " refuses " + std::to_string(codec->sample_rate) + " Hz" + setting);
  }
}

void AudioEncoder::Impl::send(int frames, const TakePacket& take) {
  av_frame_unref(frame.get());
  frame->nb_samples = frames;
  frame->format = codec->sample_fmt;
  frame->sample_rate = codec->sample_rate;
  frame->pts = sent;
  check(av_channel_layout_copy(&frame->ch_layout, &codec->ch_layout));
  check(av_frame_get_buffer(frame.get(), 0));
  check(av_audio_fifo_read(waiting.get(), reinterpret_cast<void**>(frame->data), frames));
  check(avcodec_send_frame(codec.get(), frame.get()));
  sent += frames;
  drain(take);
}

void AudioEncoder::Impl::drain(const TakePacket& take) {
  while (true) {
    const int received = avcodec_receive_packet(codec.get(), packet.get());
    if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return;
    check(received);
    take(packet.get());
    av_packet_unref(packet.get());
  }
}

AudioEncoder::AudioEncoder(const Encoding& encoding, int rate, std::size_t channels, bool global_header,
                           std::string file)
    : impl_(std::make_unique<Impl>(encoding, rate, channels, global_header, std::move(file))) {}
AudioEncoder::~AudioEncoder() = default;
AudioEncoder::AudioEncoder(AudioEncoder&&) noexcept = default;

void AudioEncoder::encode(std::size_t frames, const float* const* channels, const TakePacket& take) {
  const auto channel_count = static_cast<std::size_t>(impl_->codec->ch_layout.nb_channels);
  for (std::size_t at = 0; at < frames;) {
    const auto count = std::min(frames - at, static_cast<std::size_t>(impl_->frame_size));
    std::vector<const float*> rest;
    for (std::size_t c = 0; c < channel_count; ++c) rest.push_back(channels[c] + at);
    av_frame_unref(impl_->frame.get());
    impl_->frame->nb_samples = static_cast<int>(count);
    impl_->frame->format = impl_->codec->sample_fmt;
    impl_->check(av_channel_layout_copy(&impl_->frame->ch_layout, &impl_->codec->ch_layout));
    impl_->check(av_frame_get_buffer(impl_->frame.get(), 0));
    impl_->check(swr_convert(impl_->converter.get(), impl_->frame->data, static_cast<int>(count),
                             ffmpeg_planes(rest.data()), static_cast<int>(count)));
    impl_->check(av_audio_fifo_write(impl_->waiting.get(), reinterpret_cast<void**>(impl_->frame->data),
                                     static_cast<int>(count)));
    at += count;
    while (av_audio_fifo_size(impl_->waiting.get()) >= impl_->frame_size) impl_->send(impl_->frame_size, take);
  }
}

void AudioEncoder::finish(const TakePacket& take) {
  if (const int rest = av_audio_fifo_size(impl_->waiting.get()); rest > 0) impl_->send(rest, take);
  impl_->check(avcodec_send_frame(impl_->codec.get(), nullptr));
  impl_->drain(take);
}

const AVCodecContext* AudioEncoder::context() const noexcept { return impl_->codec.get(); }
