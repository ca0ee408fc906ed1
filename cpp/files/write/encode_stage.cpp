#include "write/encode_stage.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "common/ffmpeg.hpp"
#include "write/audio_encoder.hpp"
#include "write/packet_sink.hpp"

EncodeStage::EncodeStage(std::vector<AudioEncoder> encoders, std::size_t channels, int min_delay, PacketSink& packets,
                         std::size_t first)
    : encoders_(std::move(encoders)),
      channels_(channels),
      silence_(std::max(0, min_delay - encoders_.front().context()->initial_padding)),
      packets_(packets),
      first_(first) {
  for (auto& encoder : encoders_) encoder.start_at(-silence_);
}

void EncodeStage::write(std::size_t frames, const float* const* const* streams) {
  if (silence_ > 0) write_silence();
  for (std::size_t i = 0; i < encoders_.size(); ++i) encoders_[i].encode(frames, streams[i], first_ + i, packets_);
}

void EncodeStage::write_silence() {
  const std::vector<float> silence(static_cast<std::size_t>(silence_), 0.0F);
  const std::vector<const float*> channels(channels_, silence.data());
  for (std::size_t i = 0; i < encoders_.size(); ++i) {
    encoders_[i].encode(silence.size(), channels.data(), first_ + i, packets_);
  }
  silence_ = 0;
}

void EncodeStage::finish() {
  for (std::size_t i = 0; i < encoders_.size(); ++i) encoders_[i].finish(first_ + i, packets_);
}
