#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "stem_file/stem_settings.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Puts the mix of a stem file before the stems: their sum.
class SumMixStage : public Stage {
 public:
  void write(std::size_t frames, const float* const* const* streams) override;

 private:
  std::array<std::vector<float>, stem_file_channels> sum_;
};

}  // namespace demucs_ort_files
