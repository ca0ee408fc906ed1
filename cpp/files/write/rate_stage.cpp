#include "write/rate_stage.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "common/ffmpeg.hpp"

inline namespace demucs_ort_files {

namespace {

int checked(int status) {
  if (status < 0) {
    throw ExitError(exit_output, "FFmpeg cannot convert the stems to the sample rate of the files (" +
                                     ffmpeg_reason(status) + "); convert the song to the model's rate first");
  }
  return status;
}

ResamplerPtr make_resampler(std::size_t channels, int from_rate, int to_rate) {
  AVChannelLayout layout;
  av_channel_layout_default(&layout, static_cast<int>(channels));
  SwrContext* context = nullptr;
  const int status = swr_alloc_set_opts2(&context, &layout, AV_SAMPLE_FMT_FLTP, to_rate, &layout, AV_SAMPLE_FMT_FLTP,
                                         from_rate, 0, nullptr);
  ResamplerPtr resampler(context);
  checked(status);
  checked(swr_init(context));
  return resampler;
}

}  // namespace

RateStage::RateStage(std::size_t streams, std::size_t channels, int from_rate, int to_rate,
                     std::optional<std::uint64_t> length)
    : from_(from_rate), to_(to_rate), length_(length), buffers_(streams, std::vector<std::vector<float>>(channels)) {
  if (from_rate == to_rate) return;
  for (std::size_t s = 0; s < streams; ++s) resamplers_.push_back(make_resampler(channels, from_rate, to_rate));
}

void RateStage::write(std::size_t frames, const float* const* const* streams) {
  received_ += frames;
  if (resamplers_.empty()) {
    deliver(frames, streams);
    return;
  }
  std::size_t got = 0;
  for (std::size_t s = 0; s < resamplers_.size(); ++s) got = convert(s, streams[s], frames);
  deliver_buffers(got);
}

void RateStage::finish() {
  if (!length_) length_ = rescaled(received_, from_, to_);
  std::size_t got = 0;
  for (std::size_t s = 0; s < resamplers_.size(); ++s) {
    checked(inject_silence(resamplers_[s].get(), from_, to_));
    got = convert(s, nullptr, 0);
  }
  deliver_buffers(got);
  // A file that changes its rate on the way can come out a few frames short.
  const auto missing = static_cast<std::size_t>(*length_ - delivered_);
  for (auto& stream : buffers_) {
    for (auto& channel : stream) channel.assign(missing, 0.0F);
  }
  deliver_buffers(missing);
}

std::size_t RateStage::convert(std::size_t stream, const float* const* input, std::size_t frames) {
  SwrContext* resampler = resamplers_[stream].get();
  const auto room = static_cast<std::size_t>(checked(swr_get_out_samples(resampler, static_cast<int>(frames))));
  std::vector<std::uint8_t*> targets;
  for (auto& channel : buffers_[stream]) {
    if (channel.size() < room) channel.resize(room);
    targets.push_back(reinterpret_cast<std::uint8_t*>(channel.data()));
  }
  const auto** source = input != nullptr ? ffmpeg_planes(input) : nullptr;
  return static_cast<std::size_t>(
      checked(swr_convert(resampler, targets.data(), static_cast<int>(room), source, static_cast<int>(frames))));
}

/// Passes on the first `frames` of the buffers.
void RateStage::deliver_buffers(std::size_t frames) {
  std::vector<std::vector<const float*>> channels(buffers_.size());
  std::vector<const float* const*> streams;
  for (std::size_t s = 0; s < buffers_.size(); ++s) {
    for (const auto& channel : buffers_[s]) channels[s].push_back(channel.data());
    streams.push_back(channels[s].data());
  }
  deliver(frames, streams.data());
}

/// Passes frames on as far as the length goes, if it is known.
void RateStage::deliver(std::size_t frames, const float* const* const* streams) {
  const auto count =
      length_ ? static_cast<std::size_t>(std::min<std::uint64_t>(frames, *length_ - delivered_)) : frames;
  if (count > 0) pass_on(count, streams);
  delivered_ += count;
}

}  // namespace demucs_ort_files
