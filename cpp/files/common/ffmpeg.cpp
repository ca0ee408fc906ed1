#include "common/ffmpeg.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/utf8.hpp"

inline namespace demucs_ort_files {

std::string ffmpeg_reason(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

std::string ffmpeg_url(const std::filesystem::path& file) { return "file:" + demucs_ort::utf8(file); }

int open_input(const std::filesystem::path& file, InputPtr& input) {
  AVDictionary* options = nullptr;
  // Local files only: a playlist inside a file must not make the program fetch anything.
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  AVFormatContext* context = nullptr;
  const int status = avformat_open_input(&context, ffmpeg_url(file).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (status >= 0) input.reset(context);
  return status;
}

int inject_silence(SwrContext* resampler, int from_rate, int to_rate) {
  if (from_rate == to_rate) return 0;
  constexpr int filter_frames = 64;  // twice libswresample's default filter_size, at the lower of the two rates
  return swr_inject_silence(resampler, filter_frames * (from_rate / to_rate + 1));
}

const std::uint8_t** ffmpeg_planes(const float* const* channels) {
  return const_cast<const std::uint8_t**>(reinterpret_cast<const std::uint8_t* const*>(channels));
}

}  // namespace demucs_ort_files
