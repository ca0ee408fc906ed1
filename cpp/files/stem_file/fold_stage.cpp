#include "stem_file/fold_stage.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>

#include "stem_file/stem_settings.hpp"

inline namespace demucs_ort_files {

void FoldStage::write(std::size_t frames, const float* const* const* streams) {
  std::array<std::array<const float*, stem_file_channels>, stem_place_count> channels;
  std::array<const float* const*, stem_place_count> folded;
  for (std::size_t place = 0; place < stem_place_count; ++place) {
    for (std::size_t c = 0; c < stem_file_channels; ++c) {
      auto& sum = sums_[place][c];
      sum.assign(frames, 0.0F);
      for (std::size_t s = 0; s < places_.size(); ++s) {
        if (places_[s] == place) std::transform(sum.begin(), sum.end(), streams[s][c], sum.begin(), std::plus<>());
      }
      channels[place][c] = sum.data();
    }
    folded[place] = channels[place].data();
  }
  pass_on(frames, folded.data());
}

}  // namespace demucs_ort_files
