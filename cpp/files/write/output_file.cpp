#include "write/output_file.hpp"

#include <filesystem>
#include <string>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "common/ffmpeg.hpp"
#include "common/tags.hpp"

extern "C" {
#include <libavutil/opt.h>
}

#include "common/exit_error.hpp"
#include "write/file_tags.hpp"

inline namespace demucs_ort_files {

OutputFile::OutputFile(const std::filesystem::path& file, const char* muxer, int rate) : file_(file), frame_{1, rate} {
  AVFormatContext* context = nullptr;
  check(avformat_alloc_output_context2(&context, nullptr, muxer, nullptr));
  context_.reset(context);
}

AVStream* OutputFile::add_stream(const AVCodecParameters* parameters) {
  AVStream* stream = allocated(avformat_new_stream(context_.get(), nullptr));
  stream->time_base = frame_;
  check(avcodec_parameters_copy(stream->codecpar, parameters));
  stream->codecpar->codec_tag = 0;  // the tag of the other container
  return stream;
}

AVStream* OutputFile::add_stream(const AVCodecContext* encoder) {
  AVStream* stream = allocated(avformat_new_stream(context_.get(), nullptr));
  stream->time_base = frame_;
  check(avcodec_parameters_from_context(stream->codecpar, encoder));
  return stream;
}

void OutputFile::set_option(const char* name, const std::string& value) {
  check(av_opt_set(context_->priv_data, name, value.c_str(), 0));
}

void OutputFile::start(Format format, const Tags& tags) {
  format_ = format;
  rest_ = set_text_tags(context_.get(), format, tags);
  const int picture = add_picture_stream(context_.get(), format, tags);
  check(avio_open(&context_->pb, ffmpeg_url(file_).c_str(), AVIO_FLAG_WRITE));
  check(avformat_write_header(context_.get(), nullptr));
  check(write_picture(context_.get(), picture, tags));
}

void OutputFile::write(AVPacket* packet, int stream) {
  packet->stream_index = stream;
  av_packet_rescale_ts(packet, frame_, context_->streams[stream]->time_base);
  check(av_interleaved_write_frame(context_.get(), packet));
  check(context_->pb->error);
}

void OutputFile::finish(const std::string& stem) {
  check(av_write_trailer(context_.get()));
  avio_flush(context_->pb);
  check(context_->pb->error);
  check(avio_closep(&context_->pb));
  add_rest(file_, format_, rest_, stem);
}

void OutputFile::check(int status) const {
  if (status < 0)
    throw ExitError(exit_output, "cannot write '" + demucs_ort::utf8(file_) + "': " + ffmpeg_reason(status));
}

}  // namespace demucs_ort_files
