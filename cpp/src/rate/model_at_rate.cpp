#include "rate/model_at_rate.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/large_pages.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "rate/resampler.hpp"
#include "rate/window_grid.hpp"

namespace demucs_ort {
namespace {

constexpr int lowest_rate = 8000;
constexpr int highest_rate = 192'000;

void check(int sample_rate, int model_rate) {
  if (sample_rate < lowest_rate || sample_rate > highest_rate) {
    throw Error(Status::invalid_argument, "a sample rate of " + std::to_string(sample_rate) + " Hz is out of range; " +
                                              "choose 8000 to 192000, or 0 for the model's");
  }
  if (!can_resample()) {
    throw Error(Status::invalid_argument, "the model works at " + std::to_string(model_rate) + " Hz, not " +
                                              std::to_string(sample_rate) +
                                              " Hz, and this build has no resampler (soxr); resample the mix first");
  }
}

Stretch window_of(const ModelInfo& info) { return {info.segment_frames, info.sample_rate}; }

}  // namespace

std::size_t blurred_frames(int model_rate, int sample_rate) {
  if (sample_rate == 0 || sample_rate == model_rate) return 0;
  check(sample_rate, model_rate);
  // Both conversions blur, each over frames of the lower rate.
  return frames_at(2 * resampler_reach, std::min(sample_rate, model_rate), sample_rate);
}

ModelAtRate::ModelAtRate(std::shared_ptr<const Model> model, int sample_rate)
    : model_(std::move(model)),
      info_(model_->info()),
      grid_(info_.segment_frames),
      blurred_frames_(demucs_ort::blurred_frames(info_.sample_rate, sample_rate)) {
  if (sample_rate == 0 || sample_rate == info_.sample_rate) return;
  grid_ = WindowGrid(info_, sample_rate);
  info_.segment_frames = frames_at(info_.segment_frames, info_.sample_rate, sample_rate);
  info_.sample_rate = sample_rate;
}

void ModelAtRate::run(const float* mix, std::size_t batch, float* stems, const RunOptions& options) const {
  const ModelInfo& own = model_->info();
  if (grid_.is_one_rate()) return model_->run(mix, batch, stems, options);
  const std::size_t rows = batch * own.channels;
  const std::size_t sources = own.sources.size();
  const LargePages heard(rows * own.segment_frames);
  const LargePages made(rows * sources * own.segment_frames);
  resample(rows, mix, window_of(info_), heard.get(), window_of(own));
  model_->run(heard.get(), batch, made.get(), options);
  resample(rows * sources, made.get(), window_of(own), stems, window_of(info_));
}

void ModelAtRate::run_on_grid(const float* mix, std::size_t batch, const std::size_t* skipped, float* stems,
                              const RunOptions& options) const {
  const ModelInfo& own = model_->info();
  if (grid_.is_one_rate()) return model_->run(mix, batch, stems, options);
  const Stretch at_host{grid_.frames(), info_.sample_rate};
  const Stretch at_model{grid_.model_frames(), own.sample_rate};
  const std::size_t segment = own.segment_frames;
  const std::size_t rows = batch * own.channels;
  const std::size_t made_rows = rows * own.sources.size();
  const LargePages windows(made_rows * at_model.frames);
  const LargePages heard(rows * segment);
  const LargePages made(made_rows * segment);

  resample(rows, mix, at_host, windows.get(), at_model);
  for (std::size_t row = 0; row < rows; ++row) {
    const float* window = windows.get() + row * at_model.frames;
    std::copy_n(window + skipped[row / own.channels], segment, heard.get() + row * segment);
  }
  model_->run(heard.get(), batch, made.get(), options);
  std::fill_n(windows.get(), made_rows * at_model.frames, 0.0F);
  for (std::size_t row = 0; row < made_rows; ++row) {
    float* window = windows.get() + row * at_model.frames;
    std::copy_n(made.get() + row * segment, segment, window + skipped[row / (made_rows / batch)]);
  }
  resample(made_rows, windows.get(), at_model, stems, at_host);
}

}  // namespace demucs_ort
