#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "read/packet_copy.hpp"
#include "write/packet_sink.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Puts the mix of a stem file before the stems by copying the song's packets past the encoder: they become stream 0
/// of `packets`, in step with the stems, whose frames pass unchanged.
class CopiedMixStage : public Stage {
 public:
  CopiedMixStage(std::unique_ptr<PacketCopy> song, PacketSink& packets);

  void write(std::size_t frames, const float* const* const* streams) override;
  /// Copies what is left.
  void finish() override;

 private:
  void copy_until(std::uint64_t frame);

  std::unique_ptr<PacketCopy> song_;
  PacketSink& packets_;
  std::uint64_t written_ = 0;  // frames of the stems
};

}  // namespace demucs_ort_files
