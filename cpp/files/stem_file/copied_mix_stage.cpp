#include "stem_file/copied_mix_stage.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "common/ffmpeg.hpp"
#include "read/packet_copy.hpp"
#include "write/packet_sink.hpp"

inline namespace demucs_ort_files {

CopiedMixStage::CopiedMixStage(std::unique_ptr<PacketCopy> song, PacketSink& packets)
    : song_(std::move(song)), packets_(packets) {}

void CopiedMixStage::write(std::size_t frames, const float* const* const* streams) {
  written_ += frames;
  copy_until(written_);
  pass_on(frames, streams);
}

void CopiedMixStage::finish() { copy_until(std::numeric_limits<std::int64_t>::max()); }

void CopiedMixStage::copy_until(std::uint64_t frame) {
  const PacketPtr packet(allocated(av_packet_alloc()));
  while (song_->next(packet.get(), frame)) packets_.write(0, packet.get());
}

}  // namespace demucs_ort_files
