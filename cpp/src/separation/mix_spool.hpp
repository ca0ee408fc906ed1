#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/spill_file.hpp"

namespace demucs_ort {

/// A track that is handed over piece by piece and read later, in a temporary file: memory does not grow with its
/// length.
class MixSpool {
 public:
  /// Throws Error invalid_argument if no file can be made in the folder.
  MixSpool(std::size_t channels, const std::filesystem::path& folder);

  /// Appends frames: `channels[channel][frame * stride]`. Throws Error runtime_failed, e.g. if the disk is full; what
  /// the spool then holds is of no use.
  void push(const float* const* channels, std::size_t frames, std::size_t stride);
  /// As Read. Throws Error runtime_failed.
  std::size_t read(std::size_t first, std::size_t frames, float* const* channels);

 private:
  const float* block(std::size_t index);

  std::size_t channels_;
  SpillFile file_;
  std::size_t frames_ = 0;
  std::vector<float> last_;           // [channel][block frame], the block that is being filled
  std::vector<float> loaded_;         // the same of another block
  std::optional<std::size_t> which_;  // it is
};

}  // namespace demucs_ort
