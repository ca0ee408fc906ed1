#include "write/encode_stage.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include "base/joining_thread.hpp"
#include "common/ffmpeg.hpp"
#include "write/audio_encoder.hpp"
#include "write/packet_sink.hpp"

inline namespace demucs_ort_files {

EncodeStage::EncodeStage(std::vector<AudioEncoder> encoders, std::size_t channels, int min_delay, PacketSink& packets,
                         std::size_t first)
    : encoders_(std::move(encoders)),
      channels_(channels),
      silence_(std::max(0, min_delay - encoders_.front().context()->initial_padding)),
      packets_(packets),
      first_(first) {
  for (auto& encoder : encoders_) encoder.start_at(-silence_);
}

class EncodeStage::Packets : public PacketSink {
 public:
  void write(std::size_t, AVPacket* packet) override {
    kept_.emplace_back(allocated(av_packet_alloc()));
    av_packet_move_ref(kept_.back().get(), packet);
  }
  void finish() override {}

  void hand_on(std::size_t stream, PacketSink& packets) {
    if (failure) std::rethrow_exception(failure);
    for (const auto& packet : kept_) packets.write(stream, packet.get());
  }

  std::exception_ptr failure;  // the encoder's

 private:
  std::vector<PacketPtr> kept_;
};

void EncodeStage::encode_all(const std::function<void(std::size_t stream, PacketSink& packets)>& encode) {
  std::vector<Packets> packets(encoders_.size());
  const auto work = [&](std::size_t stream) {
    try {
      encode(stream, packets[stream]);
    } catch (...) {
      packets[stream].failure = std::current_exception();
    }
  };
  {
    std::vector<demucs_ort::JoiningThread> threads;
    threads.reserve(encoders_.size());
    for (std::size_t i = 1; i < encoders_.size(); ++i) threads.emplace_back([&, i] { work(i); });
    work(0);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) packets[i].hand_on(first_ + i, packets_);
}

void EncodeStage::write(std::size_t frames, const float* const* const* streams) {
  if (silence_ > 0) write_silence();
  encode_all([&](std::size_t i, PacketSink& packets) { encoders_[i].encode(frames, streams[i], i, packets); });
}

void EncodeStage::write_silence() {
  const std::vector<float> silence(static_cast<std::size_t>(silence_), 0.0F);
  const std::vector<const float*> channels(channels_, silence.data());
  encode_all(
      [&](std::size_t i, PacketSink& packets) { encoders_[i].encode(silence.size(), channels.data(), i, packets); });
  silence_ = 0;
}

void EncodeStage::finish() {
  encode_all([&](std::size_t i, PacketSink& packets) { encoders_[i].finish(i, packets); });
}

}  // namespace demucs_ort_files
