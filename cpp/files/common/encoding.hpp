#pragma once

#include <cstdint>
#include <string>

inline namespace demucs_ort_files {

enum class Format { wav, flac, mp3, m4a, ogg, stem_mp4 };
enum class Codec { pcm, flac, mp3, aac, alac, vorbis };
enum class SampleFormat { int16, int24, float32 };

/// What happens to samples beyond full scale, as in demucs.audio.prevent_clip. none: nothing; formats of whole numbers
/// then cut them off. rescale: the whole stem is divided by 1.01 times its peak if that is above 1. clamp: samples are
/// limited to -0.99 ... 0.99.
enum class ClipMode { none, rescale, clamp };

/// The words of a command line or a Python call; what is empty or 0 is left to the defaults.
struct EncodingRequest {
  std::string format;     ///< wav, flac, mp3, m4a, ogg, stem.mp4; default wav
  std::string codec;      ///< m4a and stem.mp4: aac (default) or alac
  std::string bit_depth;  ///< 16, 24 or 32f; default 32f for wav, 24 for flac and alac
  int bitrate = 0;        ///< kbit/s; default 320 for mp3, else 256; less below 44.1 kHz
  int sample_rate = 0;    ///< Hz; default: the song's, see file_rate
  std::string clip_mode;  ///< none (default), rescale, clamp
};

/// How files are written.
struct Encoding {
  Format format = Format::wav;
  Codec codec = Codec::pcm;
  SampleFormat samples = SampleFormat::float32;  ///< float32 for the codecs that lose something
  int bitrate = 0;                               ///< kbit/s; 0: the default for the rate
  int sample_rate = 0;                           ///< Hz; 0: the song's, see file_rate
  ClipMode clip_mode = ClipMode::none;
};

/// Throws ExitError exit_usage for words that mean nothing or do not go together, and for an encoder that this FFmpeg
/// does not have.
Encoding make_encoding(const EncodingRequest& request);

/// "wav", "stem.mp4", ...
std::string file_ending(Format format);

/// FFmpeg's name of the encoder.
std::string encoder_name(const Encoding& encoding);

bool is_lossy(Codec codec);

/// The rate at which a song of rate `input` is written: the one that was asked for, or the song's own. Where the format
/// does not have that, and for songs above 192 kHz, such as DSD, it is 44.1 or 48 kHz, whichever divides the song's.
/// Stem files have only these two, which are what their players take.
int file_rate(const Encoding& encoding, int input);

/// `frames` at rate `from`, in frames at rate `to`.
std::uint64_t rescaled(std::uint64_t frames, int from, int to);

/// In bit/s, for stereo at `rate`.
int bit_rate(const Encoding& encoding, int rate);

}  // namespace demucs_ort_files
