#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libswresample/swresample.h>
}

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <string>

inline namespace demucs_ort_files {

/// What owns FFmpeg's objects, and the few of its habits that several files here have to deal with.
template <auto Free>
struct FfmpegDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(&object);
  }
};
struct FifoDeleter {
  void operator()(AVAudioFifo* fifo) const { av_audio_fifo_free(fifo); }
};
struct OutputDeleter {
  void operator()(AVFormatContext* context) const {
    avio_closep(&context->pb);
    avformat_free_context(context);
  }
};
using InputPtr = std::unique_ptr<AVFormatContext, FfmpegDeleter<avformat_close_input>>;
using OutputPtr = std::unique_ptr<AVFormatContext, OutputDeleter>;
using CodecPtr = std::unique_ptr<AVCodecContext, FfmpegDeleter<avcodec_free_context>>;
using ResamplerPtr = std::unique_ptr<SwrContext, FfmpegDeleter<swr_free>>;
using FramePtr = std::unique_ptr<AVFrame, FfmpegDeleter<av_frame_free>>;
using PacketPtr = std::unique_ptr<AVPacket, FfmpegDeleter<av_packet_free>>;
using FifoPtr = std::unique_ptr<AVAudioFifo, FifoDeleter>;

template <typename T>
T* allocated(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

/// FFmpeg's own words for one of its error codes.
std::string ffmpeg_reason(int error);

/// The name of a local file as FFmpeg takes it, also that of a file such as "a:b.wav".
std::string ffmpeg_url(const std::filesystem::path& file);

/// Opens a local file for reading; it cannot make FFmpeg fetch anything from elsewhere. Returns FFmpeg's error code.
int open_input(const std::filesystem::path& file, InputPtr& input);

/// Hands a resampler enough silence to bring out all that came before, also when that is a single frame.
int inject_silence(SwrContext* resampler, int from_rate, int to_rate);

/// A copy-free view of planar floats as FFmpeg's functions want it. They do not write through it.
const std::uint8_t** ffmpeg_planes(const float* const* channels);

}  // namespace demucs_ort_files
