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

namespace demucs_ort {
namespace {

constexpr int lowest_rate = 8000;
constexpr int highest_rate = 192'000;

void check(int sample_rate, const ModelInfo& model) {
  if (sample_rate < lowest_rate || sample_rate > highest_rate) {
    throw Error(Status::invalid_argument, "a sample rate of " + std::to_string(sample_rate) + " Hz is out of range; " +
                                              "choose 8000 to 192000, or 0 for the model's");
  }
  if (!can_resample()) {
    throw Error(Status::invalid_argument, "the model works at " + std::to_string(model.sample_rate) + " Hz, not " +
                                              std::to_string(sample_rate) +
                                              " Hz, and this build has no resampler (soxr); resample the mix first");
  }
}

Stretch window_of(const ModelInfo& info) { return {info.segment_frames, info.sample_rate}; }

}  // namespace

ModelAtRate::ModelAtRate(std::shared_ptr<const Model> model, int sample_rate)
    : model_(std::move(model)), info_(model_->info()) {
  if (sample_rate == 0 || sample_rate == info_.sample_rate) return;
  check(sample_rate, info_);
  // Both conversions blur, each over frames of the lower rate.
  const int lower = std::min(sample_rate, info_.sample_rate);
  blurred_frames_ = frames_at(2 * resampler_reach, lower, sample_rate);
  info_.segment_frames = frames_at(info_.segment_frames, info_.sample_rate, sample_rate);
  info_.sample_rate = sample_rate;
}

void ModelAtRate::run(const float* mix, std::size_t batch, float* stems, const RunOptions& options) const {
  const ModelInfo& own = model_->info();
  if (info_.sample_rate == own.sample_rate) return model_->run(mix, batch, stems, options);
  const std::size_t sources = info_.sources.size();
  const std::size_t rows = batch * own.channels;
  const LargePages heard(rows * own.segment_frames);
  const LargePages made(rows * sources * own.segment_frames);
  resample(rows, mix, window_of(info_), heard.get(), window_of(own));
  model_->run(heard.get(), batch, made.get(), options);
  resample(rows * sources, made.get(), window_of(own), stems, window_of(info_));
}

}  // namespace demucs_ort
