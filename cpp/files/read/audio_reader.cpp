#include "read/audio_reader.hpp"

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/utf8.hpp"
#include "common/tags.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "common/ffmpeg.hpp"
#include "read/downmix.hpp"
#include "read/song_tags.hpp"

inline namespace demucs_ort_files {

namespace {

// No music has others, and a file of a few bytes and 1 Hz would become gigabytes at a model's rate.
constexpr int min_rate = 1000;
constexpr int max_rate = 768000;

constexpr long rounding = 1;  // ms: films count time in no smaller unit

}  // namespace

struct AudioReader::Decoder {
  Decoder(const std::filesystem::path& file, int sample_rate, std::size_t channels);
  ~Decoder() { av_channel_layout_uninit(&resampler_layout); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  const AVCodec* choose_stream();
  /// Appends the next decoded stretch to `pending`; false at the end of the track.
  bool decode_more();
  void send_packet();
  void finish();
  void take_frame();
  double after_picture() const;
  void convert(const AVFrame* frame);
  void start_resampler(const AVFrame& frame);
  [[noreturn]] void fail(const std::string& what) const {
    throw ExitError(exit_input, "cannot read '" + name + "': " + what);
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
  Tags tags;
  std::vector<std::vector<float>> pending;  // [channel][frame], from `taken` on
  std::size_t taken = 0;
};

AudioReader::Decoder::Decoder(const std::filesystem::path& file, int sample_rate, std::size_t channels)
    : name(demucs_ort::utf8(file)), rate(sample_rate), channel_count(static_cast<int>(channels)), pending(channels) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) fail("there is no such file");
  if (error) fail(error.message());
  if (std::filesystem::is_directory(status)) fail("it is a folder, not an audio file");
  if (!std::filesystem::is_regular_file(status))
    fail("it is a pipe or device, and a song is read twice; save it first");

  if (const int opened = open_input(file, input); opened < 0) {
    const std::string why = ffmpeg_reason(opened);
    fail(opened == AVERROR(EACCES) ? why : "it is not an audio file FFmpeg knows (" + why + ")");
  }
  AVFormatContext* context = input.get();
  if (const int found_info = avformat_find_stream_info(context, nullptr); found_info < 0)
    fail(ffmpeg_reason(found_info));

  const AVCodec* decoder = choose_stream();
  tags = read_tags(context, stream);
  const AVStream* audio = context->streams[stream];
  codec.reset(allocated(avcodec_alloc_context3(decoder)));
  codec->pkt_timebase = audio->time_base;
  int started = avcodec_parameters_to_context(codec.get(), audio->codecpar);
  if (started >= 0) started = avcodec_open2(codec.get(), decoder, nullptr);
  if (started < 0) fail("its decoder did not start (" + ffmpeg_reason(started) + ")");
}

/// Takes the first audio stream that can be decoded, and nothing but that.
const AVCodec* AudioReader::Decoder::choose_stream() {
  const AVCodec* decoder = nullptr;
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    AVStream* candidate = input->streams[i];
    candidate->discard = AVDISCARD_ALL;
    const AVCodecParameters& parameters = *candidate->codecpar;
    if (parameters.codec_type != AVMEDIA_TYPE_AUDIO) continue;
    ++found.audio_streams;
    const AVCodec* known = avcodec_find_decoder(parameters.codec_id);
    if (stream >= 0 || known == nullptr || parameters.sample_rate <= 0) continue;
    stream = static_cast<int>(i);
    decoder = known;
    candidate->discard = AVDISCARD_DEFAULT;
  }
  if (stream < 0) fail("it holds no audio that FFmpeg can decode");
  return decoder;
}

void AudioReader::Decoder::start_resampler(const AVFrame& first) {
  AVChannelLayout target;
  av_channel_layout_default(&target, channel_count);
  AVChannelLayout source = first.ch_layout;
  // Up to 8 channels without names are taken for the usual layout of their count; of more, versions of FFmpeg differ.
  constexpr int max_usual = 8;
  if (source.order == AV_CHANNEL_ORDER_UNSPEC && source.nb_channels <= max_usual) {
    av_channel_layout_default(&source, first.ch_layout.nb_channels);
  }
  SwrContext* context = nullptr;
  int status = swr_alloc_set_opts2(&context, &target, AV_SAMPLE_FMT_FLTP, rate, &source,
                                   static_cast<AVSampleFormat>(first.format), first.sample_rate, 0, nullptr);
  resampler.reset(context);
  if (status >= 0 && source.nb_channels == 1) {
    const std::vector<double> copies(static_cast<std::size_t>(channel_count), 1.0);
    status = swr_set_matrix(context, copies.data(), 1);
  } else if (const auto gains = own_downmix(source, channel_count); status >= 0 && !gains.empty()) {
    status = swr_set_matrix(context, gains.data(), source.nb_channels);
  } else if (status >= 0) {
    status = av_opt_set_double(context, "rematrix_maxval", 1.0, 0);
  }
  if (status >= 0) status = swr_init(context);
  if (status < 0) fail("its audio cannot be converted (" + ffmpeg_reason(status) + ")");
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
  if (room < 0) fail("its audio cannot be converted (" + ffmpeg_reason(room) + ")");
  const std::size_t before = pending[0].size();
  std::vector<std::uint8_t*> targets;
  for (auto& channel : pending) {
    channel.resize(before + static_cast<std::size_t>(room));
    targets.push_back(reinterpret_cast<std::uint8_t*>(channel.data() + before));
  }
  const auto** source = decoded != nullptr ? const_cast<const std::uint8_t**>(decoded->extended_data) : nullptr;
  const int got = swr_convert(resampler.get(), targets.data(), room, source, given);
  if (got < 0) fail("its audio cannot be converted (" + ffmpeg_reason(got) + ")");
  for (auto& channel : pending) channel.resize(before + static_cast<std::size_t>(got));
  produced += static_cast<std::uint64_t>(got);
}

/// By how many seconds the first frame is later than a film's picture; 0 without one.
double AudioReader::Decoder::after_picture() const {
  const std::int64_t sound = frame->best_effort_timestamp;
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    const AVStream& film = *input->streams[i];
    const bool moves = film.codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                       (film.disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) == 0;
    if (!moves || film.start_time == AV_NOPTS_VALUE || sound == AV_NOPTS_VALUE) continue;
    return static_cast<double>(sound) * av_q2d(input->streams[stream]->time_base) -
           static_cast<double>(film.start_time) * av_q2d(film.time_base);
  }
  return 0;
}

void AudioReader::Decoder::take_frame() {
  if (frame->ch_layout.nb_channels <= 0) fail("its audio has no channels");
  if (frame->sample_rate < min_rate || frame->sample_rate > max_rate) {
    fail("its sample rate of " + std::to_string(frame->sample_rate) + " Hz is not one of " + std::to_string(min_rate) +
         " to " + std::to_string(max_rate));
  }
  const bool changed = resampler == nullptr || frame->sample_rate != resampler_rate ||
                       frame->format != resampler_format ||
                       av_channel_layout_compare(&frame->ch_layout, &resampler_layout) != 0;
  if (resampler == nullptr) found.after_picture = after_picture();
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
    fail("its audio cannot be converted (" + ffmpeg_reason(status) + ")");
  }
  convert(nullptr);
  const std::uint64_t length = rescaled(found.frames, found.rate, rate);
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
  if (status < 0) fail("reading stopped (" + ffmpeg_reason(status) + ")");
  if (packet->stream_index == stream && avcodec_send_packet(codec.get(), packet.get()) < 0) ++found.damaged;
  av_packet_unref(packet.get());
}

AudioReader::AudioReader(std::filesystem::path file, int sample_rate, std::size_t channels)
    : file_(std::move(file)),
      sample_rate_(sample_rate),
      channels_(channels),
      decoder_(std::make_unique<Decoder>(file_, sample_rate, channels)),
      tags_(decoder_->tags) {}

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
  if (decoder_->ended && !measured_) {
    found_ = decoder_->found;
    measured_ = true;
  }
  return delivered;
}

int AudioReader::declared_rate() const noexcept { return decoder_->codec->sample_rate; }

std::size_t AudioReader::declared_channels() const noexcept {
  return static_cast<std::size_t>(std::max(0, decoder_->codec->ch_layout.nb_channels));
}

std::uint64_t AudioReader::declared_frames() const noexcept {
  const AVStream& audio = *decoder_->input->streams[decoder_->stream];
  const AVRational frame{1, std::max(1, declared_rate())};
  const bool stream_tells = audio.duration != AV_NOPTS_VALUE;
  const std::int64_t duration = stream_tells ? audio.duration : decoder_->input->duration;
  if (duration == AV_NOPTS_VALUE || duration < 0) return 0;
  const AVRational unit = stream_tells ? audio.time_base : AVRational{1, AV_TIME_BASE};
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, av_rescale_q(duration, unit, frame)));
}

std::vector<std::string> AudioReader::warnings() const {
  std::vector<std::string> sentences;
  const std::string name = "'" + demucs_ort::utf8(file_) + "': ";
  if (found_.audio_streams > 1) {
    sentences.push_back(name + "of its " + std::to_string(found_.audio_streams) + " audio streams the first was taken");
  }
  if (const long offset = std::lround(1000 * found_.after_picture); std::labs(offset) > rounding) {
    sentences.push_back(name + "its sound begins " + std::to_string(std::labs(offset)) + " ms " +
                        (offset > 0 ? "after" : "before") + " its picture, and the stems begin with the sound");
  }
  if (found_.damaged > 0) {
    sentences.push_back(name + std::to_string(found_.damaged) + " damaged packets were left out");
  }
  if (tags_.picture_unusable) {
    sentences.push_back(name + "its cover picture is neither JPEG nor PNG and was left out");
  }
  return sentences;
}

}  // namespace demucs_ort_files
