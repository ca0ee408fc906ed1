#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "stem_file/stem_settings.hpp"
#include "write/stage.hpp"

inline namespace demucs_ort_files {

/// Folds the stems of a model into the four of a stem file: adds up those that share a place.
class FoldStage : public Stage {
 public:
  /// places: of each stem of the model.
  explicit FoldStage(std::vector<std::size_t> places) : places_(std::move(places)) {}

  void write(std::size_t frames, const float* const* const* streams) override;

 private:
  std::vector<std::size_t> places_;
  std::array<std::array<std::vector<float>, stem_file_channels>, stem_place_count> sums_;
};

}  // namespace demucs_ort_files
