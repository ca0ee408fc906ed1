#include "read/packet_copy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "common/ffmpeg.hpp"
#include "read/audio_reader.hpp"

inline namespace demucs_ort_files {

namespace {

constexpr int aac_packet = 1024;       // frames
constexpr int aac_low_complexity = 1;  // FFmpeg's name of it differs from version to version
constexpr int encoder_delay = 1024;    // of FFmpeg's AAC encoder

}  // namespace

struct PacketCopy::Impl {
  explicit Impl(const std::filesystem::path& song) : name(demucs_ort::utf8(song)) {
    if (open_input(song, input) < 0 || avformat_find_stream_info(input.get(), nullptr) < 0) {
      throw ExitError(exit_input, "cannot read '" + name + "' again");
    }
    for (unsigned i = 0; i < input->nb_streams; ++i) {
      AVStream* candidate = input->streams[i];
      if (stream == nullptr && candidate->codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
        stream = candidate;
      } else {
        candidate->discard = AVDISCARD_ALL;
      }
    }
  }

  /// False at the end.
  bool read(AVPacket* packet) {
    while (true) {
      const int status = av_read_frame(input.get(), packet);
      if (status == AVERROR_EOF) return false;
      if (status < 0) throw ExitError(exit_input, "cannot read '" + name + "': " + ffmpeg_reason(status));
      if (packet->stream_index == stream->index) return true;
      av_packet_unref(packet);
    }
  }

  std::int64_t packet_frames(const AVPacket& packet) const {
    return stream->codecpar->codec_id == AV_CODEC_ID_AAC ? aac_packet : packet.duration;
  }
  std::string refusal(const Encoding& encoding, int rate) const;
  std::string measure(std::uint64_t frames);

  std::string name;
  InputPtr input;
  AVStream* stream = nullptr;
  std::int64_t delay = 0;
  std::int64_t time = 0;  // of the next packet
  std::int64_t end = 0;   // packets from here on hold nothing that is heard
};

/// Why the stream's kind cannot be copied; empty if it can.
std::string PacketCopy::Impl::refusal(const Encoding& encoding, int rate) const {
  const AVCodecParameters& parameters = *stream->codecpar;
  const AVCodecID wanted = encoding.codec == Codec::aac ? AV_CODEC_ID_AAC : AV_CODEC_ID_ALAC;
  if (std::strstr(input->iformat->name, "mp4") == nullptr) return "the song is no MP4 file";
  if (parameters.codec_id != wanted) return "the song's codec is not " + encoder_name(encoding);
  if (wanted == AV_CODEC_ID_AAC && parameters.profile != aac_low_complexity) return "the song is no AAC-LC";
  if (parameters.ch_layout.nb_channels != 2) return "the song is not stereo";
  if (parameters.sample_rate != rate || stream->time_base.num != 1 || stream->time_base.den != rate) {
    return "a stem file has 44.1 or 48 kHz";
  }
  return {};
}

/// Reads the file once to see whether its packets lie in time as the encoder's will; why not, or empty.
std::string PacketCopy::Impl::measure(std::uint64_t frames) {
  const PacketPtr packet(allocated(av_packet_alloc()));
  std::int64_t total = 0;  // all AAC packets hold 1024 frames; the last may state less
  bool first = true;
  for (; read(packet.get()); av_packet_unref(packet.get())) {
    if (first) {
      std::size_t size = 0;
      const std::uint8_t* skip = av_packet_get_side_data(packet.get(), AV_PKT_DATA_SKIP_SAMPLES, &size);
      delay = -packet->pts;
      // Little-endian: frames to leave out at the beginning.
      if (skip != nullptr && size >= 4) delay = skip[0] | skip[1] << 8 | skip[2] << 16 | skip[3] << 24;
      first = false;
    }
    total += packet_frames(*packet);
  }
  if (stream->codecpar->codec_id == AV_CODEC_ID_ALAC) {
    end = static_cast<std::int64_t>(frames);
    return delay == 0 && total == end ? std::string() : "its length is not that of its packets";
  }
  if (delay != 0 && delay < encoder_delay) return "its delay of " + std::to_string(delay) + " frames is unusual";
  const auto packets = (delay + static_cast<std::int64_t>(frames) + aac_packet - 1) / aac_packet;
  end = packets * aac_packet - delay;
  return total >= packets * aac_packet ? std::string() : "its length is not that of its packets";
}

PacketCopy::PacketCopy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PacketCopy::~PacketCopy() = default;

std::unique_ptr<PacketCopy> PacketCopy::open(const std::filesystem::path& song, const AudioReader::Found& found,
                                             const Encoding& encoding, int rate, std::uint64_t frames,
                                             std::string& why_not) {
  auto impl = std::make_unique<Impl>(song);
  // Decoded, damaged packets are left out of the stems; copied, they would be in the mix.
  why_not = found.damaged > 0 ? "the song has damaged packets" : impl->refusal(encoding, rate);
  if (why_not.empty()) why_not = impl->measure(frames);
  if (!why_not.empty()) return nullptr;
  const std::int64_t delay = impl->delay, end = impl->end;
  impl = std::make_unique<Impl>(song);
  impl->delay = delay;
  impl->time = -delay;
  impl->end = end;
  return std::unique_ptr<PacketCopy>(new PacketCopy(std::move(impl)));
}

const AVCodecParameters* PacketCopy::parameters() const noexcept { return impl_->stream->codecpar; }

int PacketCopy::delay() const noexcept { return static_cast<int>(impl_->delay); }

bool PacketCopy::next(AVPacket* packet, std::uint64_t frame) {
  const auto limit = std::min(impl_->end, static_cast<std::int64_t>(frame));
  if (impl_->time >= limit) return false;
  if (!impl_->read(packet)) return false;
  packet->pts = packet->dts = impl_->time;
  impl_->time += impl_->packet_frames(*packet);
  av_packet_free_side_data(packet);  // frames to skip, which an edit list will tell
  return true;
}

}  // namespace demucs_ort_files
