#include "audio_file.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <algorithm>
#include <cmath>
#include <deque>
#include <string>
#include <utility>

#include "failure.hpp"

namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(&object);
  }
};
using InputPtr = std::unique_ptr<AVFormatContext, Deleter<avformat_close_input>>;
using CodecPtr = std::unique_ptr<AVCodecContext, Deleter<avcodec_free_context>>;
using ResamplerPtr = std::unique_ptr<SwrContext, Deleter<swr_free>>;
using FramePtr = std::unique_ptr<AVFrame, Deleter<av_frame_free>>;
using PacketPtr = std::unique_ptr<AVPacket, Deleter<av_packet_free>>;

std::string reason(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

/// The "file:" keeps FFmpeg from reading a name such as "a:b.wav" as a protocol.
std::string url(const std::filesystem::path& file) { return "file:" + file.string(); }

template <typename T>
T* allocated(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

/// Hands a resampler enough silence to bring out all that came before, also when that is a single frame.
int inject_silence(SwrContext* resampler, int from_rate, int to_rate) {
  if (from_rate == to_rate) return 0;
  constexpr int filter_frames = 64;  // twice libswresample's default filter_size, at the lower of the two rates
  return swr_inject_silence(resampler, filter_frames * (from_rate / to_rate + 1));
}

/// A copy-free view of planar floats as FFmpeg's functions want it. They do not write through it.
const std::uint8_t** planes(const float* const* channels) {
  return const_cast<const std::uint8_t**>(reinterpret_cast<const std::uint8_t* const*>(channels));
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- reading

struct AudioReader::Decoder {
  Decoder(const std::filesystem::path& file, int sample_rate, std::size_t channels);
  ~Decoder() { av_channel_layout_uninit(&resampler_layout); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Appends the next decoded stretch to `pending`; false at the end of the track.
  bool decode_more();
  void send_packet();
  void finish();
  void take_frame();
  void convert(const AVFrame* frame);
  void start_resampler(const AVFrame& frame);
  [[noreturn]] void fail(const std::string& what) const {
    throw Failure(exit_input, "cannot read '" + name + "': " + what);
  }

  std::string name;
  int rate;
  int channel_count;
  InputPtr input;
  CodecPtr codec;
  ResamplerPtr resampler;
  FramePtr frame{allocated(av_frame_alloc())};
  PacketPtr packet{allocated(av_packet_alloc())};
  int stream = -1;
  int resampler_rate = 0;
  int resampler_format = -1;
  AVChannelLayout resampler_layout = {};
  std::uint64_t frames_before_change = 0;
  std::int64_t frames_since_change = 0;
  std::uint64_t produced = 0;  // frames at the model's rate
  bool draining = false;
  bool ended = false;
  Found found;
  std::vector<std::vector<float>> pending;  // [channel][frame], from `taken` on
  std::size_t taken = 0;
};

AudioReader::Decoder::Decoder(const std::filesystem::path& file, int sample_rate, std::size_t channels)
    : name(file.string()), rate(sample_rate), channel_count(static_cast<int>(channels)), pending(channels) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) fail("there is no such file");
  if (std::filesystem::is_directory(file, error)) fail("it is a folder, not an audio file");
  if (!std::filesystem::is_regular_file(file, error))
    fail("it is a pipe or device, and a song is read twice; save it first");

  AVDictionary* options = nullptr;
  // Local files only: a playlist inside a file must not make the program fetch anything.
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  AVFormatContext* context = nullptr;
  const int opened = avformat_open_input(&context, url(file).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) fail("it is not an audio file FFmpeg knows (" + reason(opened) + ")");
  input.reset(context);
  if (const int found = avformat_find_stream_info(context, nullptr); found < 0) fail(reason(found));

  const AVCodec* decoder = nullptr;
  stream = av_find_best_stream(context, AVMEDIA_TYPE_AUDIO, -1, -1, &decoder, 0);
  if (stream < 0) fail("it holds no audio that FFmpeg can decode");
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    if (static_cast<int>(i) != stream) context->streams[i]->discard = AVDISCARD_ALL;
  }
  const AVStream* audio = context->streams[stream];
  codec.reset(allocated(avcodec_alloc_context3(decoder)));
  codec->pkt_timebase = audio->time_base;
  int started = avcodec_parameters_to_context(codec.get(), audio->codecpar);
  if (started >= 0) started = avcodec_open2(codec.get(), decoder, nullptr);
  if (started < 0) fail("its decoder did not start (" + reason(started) + ")");
}

void AudioReader::Decoder::start_resampler(const AVFrame& first) {
  AVChannelLayout target;
  av_channel_layout_default(&target, channel_count);
  AVChannelLayout source = first.ch_layout;
  // A layout without names of channels gets the usual one for its count.
  if (source.order == AV_CHANNEL_ORDER_UNSPEC) av_channel_layout_default(&source, first.ch_layout.nb_channels);
  SwrContext* context = nullptr;
  int status = swr_alloc_set_opts2(&context, &target, AV_SAMPLE_FMT_FLTP, rate, &source,
                                   static_cast<AVSampleFormat>(first.format), first.sample_rate, 0, nullptr);
  resampler.reset(context);
  if (status >= 0 && source.nb_channels == 1) {
    const std::vector<double> copies(static_cast<std::size_t>(channel_count), 1.0);
    status = swr_set_matrix(context, copies.data(), 1);
  } else if (status >= 0) {
    status = av_opt_set_double(context, "rematrix_maxval", 1.0, 0);
  }
  if (status >= 0) status = swr_init(context);
  if (status < 0) fail("its audio cannot be converted (" + reason(status) + ")");
  resampler_rate = first.sample_rate;
  resampler_format = first.format;
  av_channel_layout_uninit(&resampler_layout);
  av_channel_layout_copy(&resampler_layout, &first.ch_layout);
  if (found.rate == 0) found.rate = first.sample_rate;
}

/// Converts a decoded frame, or with nullptr what the resampler still holds.
void AudioReader::Decoder::convert(const AVFrame* decoded) {
  if (resampler == nullptr) return;
  const int given = decoded != nullptr ? decoded->nb_samples : 0;
  const int room = swr_get_out_samples(resampler.get(), given);
  if (room < 0) fail("its audio cannot be converted (" + reason(room) + ")");
  const std::size_t before = pending[0].size();
  std::vector<std::uint8_t*> targets;
  for (auto& channel : pending) {
    channel.resize(before + static_cast<std::size_t>(room));
    targets.push_back(reinterpret_cast<std::uint8_t*>(channel.data() + before));
  }
  const auto** source = decoded != nullptr ? const_cast<const std::uint8_t**>(decoded->extended_data) : nullptr;
  const int got = swr_convert(resampler.get(), targets.data(), room, source, given);
  if (got < 0) fail("its audio cannot be converted (" + reason(got) + ")");
  for (auto& channel : pending) channel.resize(before + static_cast<std::size_t>(got));
  produced += static_cast<std::uint64_t>(got);
}

void AudioReader::Decoder::take_frame() {
  if (frame->sample_rate <= 0 || frame->ch_layout.nb_channels <= 0) fail("its audio has no rate or no channels");
  const bool changed = resampler == nullptr || frame->sample_rate != resampler_rate ||
                       frame->format != resampler_format ||
                       av_channel_layout_compare(&frame->ch_layout, &resampler_layout) != 0;
  if (changed) {
    convert(nullptr);
    start_resampler(*frame);
    frames_before_change = found.frames;
    frames_since_change = 0;
  }
  // Frames after a change of rate count at the rate the file began with, at which the stems are written.
  frames_since_change += frame->nb_samples;
  found.frames = frames_before_change +
                 static_cast<std::uint64_t>(av_rescale(frames_since_change, found.rate, frame->sample_rate));
  convert(frame.get());
}

bool AudioReader::Decoder::decode_more() {
  while (!ended) {
    const int received = avcodec_receive_frame(codec.get(), frame.get());
    if (received >= 0) {
      take_frame();
      av_frame_unref(frame.get());
      return true;
    }
    if (received != AVERROR(EAGAIN) && received != AVERROR_EOF) ++found.damaged;
    if (draining) {
      finish();
      return true;
    }
    send_packet();
  }
  return false;
}

/// Ends the track at its exact length: a resampler alone gives a frame more or less, and none for a single one.
void AudioReader::Decoder::finish() {
  ended = true;
  if (resampler == nullptr) return;
  if (const int status = inject_silence(resampler.get(), resampler_rate, rate); status < 0) {
    fail("its audio cannot be converted (" + reason(status) + ")");
  }
  convert(nullptr);
  const auto length = static_cast<std::uint64_t>(
      av_rescale_rnd(static_cast<std::int64_t>(found.frames), rate, found.rate, AV_ROUND_UP));
  const std::size_t pending_end = pending[0].size();
  const auto surplus = produced > length ? static_cast<std::size_t>(produced - length) : 0;
  for (auto& channel : pending) channel.resize(pending_end - std::min(surplus, pending_end));
}

/// Gives the decoder the stream's next packet, or its end. Damaged packets are skipped, as players and `ffmpeg` do.
void AudioReader::Decoder::send_packet() {
  const int status = av_read_frame(input.get(), packet.get());
  if (status == AVERROR_EOF) {
    draining = true;
    avcodec_send_packet(codec.get(), nullptr);
    return;
  }
  if (status < 0) fail("reading stopped (" + reason(status) + ")");
  if (packet->stream_index == stream && avcodec_send_packet(codec.get(), packet.get()) < 0) ++found.damaged;
  av_packet_unref(packet.get());
}

AudioReader::AudioReader(std::filesystem::path file, int sample_rate, std::size_t channels)
    : file_(std::move(file)),
      sample_rate_(sample_rate),
      channels_(channels),
      decoder_(std::make_unique<Decoder>(file_, sample_rate, channels)) {}

AudioReader::~AudioReader() = default;

std::size_t AudioReader::read(std::size_t first, std::size_t frames, float* const* channels) {
  if (first < position_) {
    decoder_ = std::make_unique<Decoder>(file_, sample_rate_, channels_);
    position_ = 0;
  }
  std::size_t delivered = 0;
  while (delivered < frames) {
    const std::size_t available = decoder_->pending[0].size() - decoder_->taken;
    if (available == 0) {
      for (auto& channel : decoder_->pending) channel.clear();
      decoder_->taken = 0;
      if (!decoder_->decode_more()) break;
      continue;
    }
    const std::size_t count = std::min(available, frames - delivered);
    for (std::size_t c = 0; c < channels_; ++c) {
      std::copy_n(decoder_->pending[c].data() + decoder_->taken, count, channels[c] + delivered);
    }
    decoder_->taken += count;
    delivered += count;
  }
  position_ += delivered;
  if (decoder_->ended) found_ = decoder_->found;
  return delivered;
}

// ---------------------------------------------------------------------------------------------------- writing

namespace {

struct OutputDeleter {
  void operator()(AVFormatContext* context) const {
    avio_closep(&context->pb);
    avformat_free_context(context);
  }
};
using OutputPtr = std::unique_ptr<AVFormatContext, OutputDeleter>;

AVCodecID codec_for(SampleFormat format) {
  switch (format) {
    case SampleFormat::int16:
      return AV_CODEC_ID_PCM_S16LE;
    case SampleFormat::int24:
      return AV_CODEC_ID_PCM_S24LE;
    case SampleFormat::float32:
      return AV_CODEC_ID_PCM_F32LE;
  }
  return AV_CODEC_ID_NONE;
}

}  // namespace

struct AudioWriter::Encoder {
  Encoder(const std::filesystem::path& file, const AudioFormat& format, int rate, std::size_t channels);

  void check(int status) const {
    if (status < 0) throw Failure(exit_output, "cannot write '" + name + "': " + reason(status));
  }
  void resample(const float* const* channels, std::size_t frames);
  void encode_pending();
  void drain();

  std::string name;
  AudioFormat format;
  int input_rate;
  OutputPtr output;
  CodecPtr codec;
  ResamplerPtr resampler;
  FramePtr frame{allocated(av_frame_alloc())};
  PacketPtr packet{allocated(av_packet_alloc())};
  std::vector<std::uint8_t> pending;  // interleaved, in the encoder's sample format
  std::size_t frame_bytes = 0;
  std::uint64_t written = 0;  // frames
  std::uint64_t clipped = 0;
};

AudioWriter::Encoder::Encoder(const std::filesystem::path& file, const AudioFormat& file_format, int rate,
                              std::size_t channels)
    : name(file.string()), format(file_format), input_rate(rate) {
  AVFormatContext* context = nullptr;
  check(avformat_alloc_output_context2(&context, nullptr, "wav", nullptr));
  output.reset(context);
  context->flags |= AVFMT_FLAG_BITEXACT;  // the same stems give the same bytes
  const AVCodec* encoder = allocated(avcodec_find_encoder(codec_for(format.samples)));
  codec.reset(allocated(avcodec_alloc_context3(encoder)));
  codec->sample_rate = format.rate;
  codec->sample_fmt = encoder->id == AV_CODEC_ID_PCM_S16LE   ? AV_SAMPLE_FMT_S16
                      : encoder->id == AV_CODEC_ID_PCM_S24LE ? AV_SAMPLE_FMT_S32
                                                             : AV_SAMPLE_FMT_FLT;
  codec->time_base = {1, format.rate};
  av_channel_layout_default(&codec->ch_layout, static_cast<int>(channels));
  check(avcodec_open2(codec.get(), encoder, nullptr));
  frame_bytes = channels * static_cast<std::size_t>(av_get_bytes_per_sample(codec->sample_fmt));

  AVStream* stream = allocated(avformat_new_stream(context, nullptr));
  stream->time_base = codec->time_base;
  check(avcodec_parameters_from_context(stream->codecpar, codec.get()));
  check(avio_open(&context->pb, url(file).c_str(), AVIO_FLAG_WRITE));
  check(av_opt_set(context->priv_data, "rf64", "auto", 0));
  check(avformat_write_header(context, nullptr));

  SwrContext* resampler_context = nullptr;
  const int status = swr_alloc_set_opts2(&resampler_context, &codec->ch_layout, codec->sample_fmt, format.rate,
                                         &codec->ch_layout, AV_SAMPLE_FMT_FLTP, rate, 0, nullptr);
  resampler.reset(resampler_context);
  check(status);
  check(swr_init(resampler_context));
}

void AudioWriter::Encoder::resample(const float* const* channels, std::size_t frames) {
  const int given = static_cast<int>(frames);
  const int room = swr_get_out_samples(resampler.get(), given);
  check(room);
  if (room == 0) return;
  const std::size_t before = pending.size();
  pending.resize(before + static_cast<std::size_t>(room) * frame_bytes);
  std::uint8_t* target = pending.data() + before;
  const int got = swr_convert(resampler.get(), &target, room, channels != nullptr ? planes(channels) : nullptr, given);
  check(got);
  pending.resize(before + static_cast<std::size_t>(got) * frame_bytes);
}

/// Writes the pending frames, none beyond the file's length.
void AudioWriter::Encoder::encode_pending() {
  constexpr std::size_t block = 1 << 16;
  const std::size_t frames = std::min<std::uint64_t>(pending.size() / frame_bytes, format.frames - written);
  for (std::size_t at = 0; at < frames; at += block) {
    const std::size_t count = std::min(block, frames - at);
    av_frame_unref(frame.get());
    frame->nb_samples = static_cast<int>(count);
    frame->format = codec->sample_fmt;
    frame->sample_rate = codec->sample_rate;
    frame->pts = static_cast<std::int64_t>(written);
    check(av_channel_layout_copy(&frame->ch_layout, &codec->ch_layout));
    check(av_frame_get_buffer(frame.get(), 0));
    std::copy_n(pending.data() + at * frame_bytes, count * frame_bytes, frame->data[0]);
    check(avcodec_send_frame(codec.get(), frame.get()));
    drain();
    written += count;
  }
  pending.clear();
}

void AudioWriter::Encoder::drain() {
  while (true) {
    const int received = avcodec_receive_packet(codec.get(), packet.get());
    if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return;
    check(received);
    packet->stream_index = 0;
    const int sent = av_write_frame(output.get(), packet.get());
    av_packet_unref(packet.get());
    check(sent);
    check(output->pb->error);
  }
}

AudioWriter::AudioWriter(const std::filesystem::path& file, const AudioFormat& format, int sample_rate,
                         std::size_t channels)
    : encoder_(std::make_unique<Encoder>(file, format, sample_rate, channels)) {}

AudioWriter::~AudioWriter() = default;

void AudioWriter::write(std::size_t frames, const float* const* channels) {
  if (encoder_->format.samples != SampleFormat::float32) {
    const int channel_count = encoder_->codec->ch_layout.nb_channels;
    for (int c = 0; c < channel_count; ++c) {
      encoder_->clipped += static_cast<std::uint64_t>(
          std::count_if(channels[c], channels[c] + frames, [](float sample) { return std::fabs(sample) > 1.0F; }));
    }
  }
  encoder_->resample(channels, frames);
  encoder_->encode_pending();
}

void AudioWriter::finish() {
  Encoder& encoder = *encoder_;
  encoder.check(inject_silence(encoder.resampler.get(), encoder.input_rate, encoder.format.rate));
  encoder.resample(nullptr, 0);
  encoder.encode_pending();
  // A file that changes its rate on the way can come out a few frames short.
  encoder.pending.resize(static_cast<std::size_t>(encoder.format.frames - encoder.written) * encoder.frame_bytes);
  encoder.encode_pending();
  encoder.check(avcodec_send_frame(encoder.codec.get(), nullptr));
  encoder.drain();
  encoder.check(av_write_trailer(encoder.output.get()));
  avio_flush(encoder.output->pb);
  encoder.check(encoder.output->pb->error);
  encoder.check(avio_closep(&encoder.output->pb));
}

std::uint64_t AudioWriter::clipped_samples() const noexcept { return encoder_->clipped; }
