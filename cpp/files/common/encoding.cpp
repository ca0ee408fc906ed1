#include "common/encoding.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/exit_error.hpp"
#include "common/ffmpeg.hpp"

inline namespace demucs_ort_files {

namespace {

template <typename Value>
Value chosen(const std::map<std::string, Value>& words, const std::string& word, const std::string& option) {
  const auto found = words.find(word);
  if (found != words.end()) return found->second;
  std::string all;
  for (const auto& [name, value] : words) all += (all.empty() ? "" : ", ") + name;
  throw ExitError(exit_usage, option + " is '" + word + "'; choose one of " + all);
}

const std::map<std::string, Format> formats{{"wav", Format::wav}, {"flac", Format::flac},
                                            {"mp3", Format::mp3}, {"m4a", Format::m4a},
                                            {"ogg", Format::ogg}, {"stem.mp4", Format::stem_mp4}};
const std::map<std::string, Codec> codecs{{"aac", Codec::aac}, {"alac", Codec::alac}};
const std::map<std::string, SampleFormat> depths{
    {"16", SampleFormat::int16}, {"24", SampleFormat::int24}, {"32f", SampleFormat::float32}};
const std::map<std::string, ClipMode> clip_modes{
    {"none", ClipMode::none}, {"rescale", ClipMode::rescale}, {"clamp", ClipMode::clamp}};

Codec codec_of(Format format, const std::string& codec) {
  const bool mp4 = format == Format::m4a || format == Format::stem_mp4;
  if (!codec.empty() && !mp4) {
    throw ExitError(exit_usage, "only m4a and stem.mp4 leave a choice of codec; leave out codec '" + codec + "'");
  }
  switch (format) {
    case Format::wav:
      return Codec::pcm;
    case Format::flac:
      return Codec::flac;
    case Format::mp3:
      return Codec::mp3;
    case Format::ogg:
      return Codec::vorbis;
    case Format::m4a:
    case Format::stem_mp4:
      break;
  }
  return codec.empty() ? Codec::aac : chosen(codecs, codec, "codec");
}

SampleFormat samples_of(const Encoding& encoding, const std::string& bit_depth) {
  const std::string name = encoding.codec == Codec::alac ? "alac" : file_ending(encoding.format);
  if (is_lossy(encoding.codec)) {
    if (bit_depth.empty()) return SampleFormat::float32;
    throw ExitError(exit_usage, name + " has no bit depth; choose a bitrate instead");
  }
  if (bit_depth.empty()) return encoding.codec == Codec::pcm ? SampleFormat::float32 : SampleFormat::int24;
  const SampleFormat samples = chosen(depths, bit_depth, "bit depth");
  if (samples == SampleFormat::float32 && encoding.codec != Codec::pcm) {
    throw ExitError(exit_usage, name + " holds 16 or 24 bits, not 32f");
  }
  return samples;
}

/// The rates that a format has; empty: all.
std::vector<int> rates_of(const Encoding& encoding) {
  if (encoding.format == Format::stem_mp4) return {44100, 48000};
  if (encoding.codec == Codec::mp3) return {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};
  if (encoding.codec == Codec::aac) {
    return {7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000};
  }
  return {};
}

bool holds_rate(const Encoding& encoding, int rate) {
  constexpr int max_of_vorbis = 48'000;  // with a bitrate asked for
  if (encoding.codec == Codec::vorbis && rate > max_of_vorbis) return false;
  const auto rates = rates_of(encoding);
  return rates.empty() || std::find(rates.begin(), rates.end(), rate) != rates.end();
}

constexpr int min_sample_rate = 8'000;
constexpr int max_sample_rate = 192'000;  // DSD is decoded at 352.8 kHz and more, most of which is noise

/// Throws ExitError exit_usage for a rate that the format does not have.
void check_sample_rate(const Encoding& encoding, int rate) {
  if (rate < min_sample_rate || rate > max_sample_rate) {
    throw ExitError(exit_usage, "sample rate is " + std::to_string(rate) + "; it is 8000 to 192000 Hz");
  }
  if (holds_rate(encoding, rate)) return;
  std::string all;
  for (const int known : rates_of(encoding)) all += (all.empty() ? "" : ", ") + std::to_string(known);
  if (all.empty()) all = "at most 48000";
  throw ExitError(exit_usage, "sample rate is " + std::to_string(rate) + "; " + file_ending(encoding.format) + " has " +
                                  all + " Hz");
}

constexpr int sane_bitrate = 8;  // kbit/s; below it no encoder here works
constexpr int max_bitrate = 512;

}  // namespace

Encoding make_encoding(const EncodingRequest& request) {
  Encoding encoding;
  if (!request.format.empty()) encoding.format = chosen(formats, request.format, "format");
  encoding.codec = codec_of(encoding.format, request.codec);
  encoding.samples = samples_of(encoding, request.bit_depth);
  if (request.bitrate != 0 && !is_lossy(encoding.codec)) {
    throw ExitError(exit_usage, "a bitrate is for mp3, aac and ogg; what is lossless has a bit depth");
  }
  if (request.bitrate != 0 && (request.bitrate < sane_bitrate || request.bitrate > max_bitrate)) {
    throw ExitError(exit_usage, "bitrate is " + std::to_string(request.bitrate) + "; it is 8 to 512 kbit/s");
  }
  encoding.bitrate = request.bitrate;
  if (request.sample_rate != 0) check_sample_rate(encoding, request.sample_rate);
  encoding.sample_rate = request.sample_rate;
  if (!request.clip_mode.empty()) encoding.clip_mode = chosen(clip_modes, request.clip_mode, "clip mode");
  const std::string encoder = encoder_name(encoding);
  if (avcodec_find_encoder_by_name(encoder.c_str()) == nullptr) {
    throw ExitError(exit_usage,
                    "this FFmpeg cannot write " + file_ending(encoding.format) + ": it was built without " + encoder);
  }
  return encoding;
}

std::string file_ending(Format format) {
  return std::find_if(formats.begin(), formats.end(), [&](const auto& entry) { return entry.second == format; })->first;
}

std::string encoder_name(const Encoding& encoding) {
  switch (encoding.codec) {
    case Codec::pcm:
      return encoding.samples == SampleFormat::int16   ? "pcm_s16le"
             : encoding.samples == SampleFormat::int24 ? "pcm_s24le"
                                                       : "pcm_f32le";
    case Codec::flac:
      return "flac";
    case Codec::mp3:
      return "libmp3lame";
    case Codec::aac:
      return "aac";
    case Codec::alac:
      return "alac";
    case Codec::vorbis:
      break;
  }
  return "libvorbis";
}

bool is_lossy(Codec codec) { return codec == Codec::mp3 || codec == Codec::aac || codec == Codec::vorbis; }

int file_rate(const Encoding& encoding, int input) {
  if (encoding.sample_rate != 0) return encoding.sample_rate;
  if (input <= max_sample_rate && holds_rate(encoding, input)) return input;
  return input % 11025 == 0 ? 44100 : 48000;
}

std::uint64_t rescaled(std::uint64_t frames, int from, int to) {
  return static_cast<std::uint64_t>(av_rescale_rnd(static_cast<std::int64_t>(frames), to, from, AV_ROUND_UP));
}

int bit_rate(const Encoding& encoding, int rate) {
  if (encoding.bitrate != 0) return encoding.bitrate * 1000;
  const double full = encoding.codec == Codec::mp3 ? 320'000 : 256'000;
  return static_cast<int>(std::lround(full * std::min(1.0, rate / 44'100.0)));
}

}  // namespace demucs_ort_files
