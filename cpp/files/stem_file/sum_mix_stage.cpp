#include "stem_file/sum_mix_stage.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <vector>

#include "stem_file/stem_settings.hpp"

inline namespace demucs_ort_files {

void SumMixStage::write(std::size_t frames, const float* const* const* streams) {
  std::array<const float*, stem_file_channels> channels{};
  for (std::size_t c = 0; c < stem_file_channels; ++c) {
    auto& sum = sum_[c];
    sum.assign(frames, 0.0F);
    for (std::size_t place = 0; place < stem_place_count; ++place) {
      std::transform(sum.begin(), sum.end(), streams[place][c], sum.begin(), std::plus<>());
    }
    channels[c] = sum.data();
  }
  std::vector<const float* const*> all{channels.data()};
  all.insert(all.end(), streams, streams + stem_place_count);
  pass_on(frames, all.data());
}

}  // namespace demucs_ort_files
