#include "rate_converter.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "ffmpeg.hpp"

namespace {

int checked(int status) {
  if (status < 0) throw std::runtime_error("resampling failed: " + ffmpeg_reason(status));
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

struct RateConverter::Impl {
  using Channels = std::vector<std::vector<float>>;

  std::size_t convert(std::size_t stream, const float* const* input, std::size_t frames) {
    SwrContext* resampler = resamplers[stream].get();
    const auto room = static_cast<std::size_t>(checked(swr_get_out_samples(resampler, static_cast<int>(frames))));
    std::vector<std::uint8_t*> targets;
    for (auto& channel : buffers[stream]) {
      if (channel.size() < room) channel.resize(room);
      targets.push_back(reinterpret_cast<std::uint8_t*>(channel.data()));
    }
    const auto** source = input != nullptr ? ffmpeg_planes(input) : nullptr;
    return static_cast<std::size_t>(
        checked(swr_convert(resampler, targets.data(), static_cast<int>(room), source, static_cast<int>(frames))));
  }

  /// Passes on the first `frames` of the buffers.
  void deliver(std::size_t frames, const StreamSink& sink) {
    std::vector<std::vector<const float*>> channels(buffers.size());
    std::vector<const float* const*> streams;
    for (std::size_t s = 0; s < buffers.size(); ++s) {
      for (const auto& channel : buffers[s]) channels[s].push_back(channel.data());
      streams.push_back(channels[s].data());
    }
    pass(frames, streams.data(), sink);
  }

  void pass(std::size_t frames, const float* const* const* streams, const StreamSink& sink) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(frames, length - delivered));
    if (count > 0) sink(count, streams);
    delivered += count;
  }

  int from = 0, to = 0;
  std::uint64_t length = 0;
  std::uint64_t delivered = 0;
  std::vector<ResamplerPtr> resamplers;  // none at equal rates
  std::vector<Channels> buffers;         // [stream][channel][frame]
};

RateConverter::RateConverter(std::size_t streams, std::size_t channels, int from_rate, int to_rate,
                             std::uint64_t frames)
    : impl_(std::make_unique<Impl>()) {
  impl_->from = from_rate;
  impl_->to = to_rate;
  impl_->length = frames;
  impl_->buffers.assign(streams, Impl::Channels(channels));
  if (from_rate == to_rate) return;
  for (std::size_t s = 0; s < streams; ++s) {
    impl_->resamplers.push_back(make_resampler(channels, from_rate, to_rate));
  }
}

RateConverter::~RateConverter() = default;

void RateConverter::write(std::size_t frames, const float* const* const* streams, const StreamSink& sink) {
  if (impl_->resamplers.empty()) {
    impl_->pass(frames, streams, sink);
    return;
  }
  std::size_t got = 0;
  for (std::size_t s = 0; s < impl_->buffers.size(); ++s) got = impl_->convert(s, streams[s], frames);
  impl_->deliver(got, sink);
}

void RateConverter::finish(const StreamSink& sink) {
  std::size_t got = 0;
  for (std::size_t s = 0; s < impl_->resamplers.size(); ++s) {
    checked(inject_silence(impl_->resamplers[s].get(), impl_->from, impl_->to));
    got = impl_->convert(s, nullptr, 0);
  }
  impl_->deliver(got, sink);
  // A file that changes its rate on the way can come out a few frames short.
  const auto missing = static_cast<std::size_t>(impl_->length - impl_->delivered);
  for (auto& stream : impl_->buffers) {
    for (auto& channel : stream) channel.assign(missing, 0.0F);
  }
  impl_->deliver(missing, sink);
}
