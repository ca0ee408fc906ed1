#include "demucs_ort/stream.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "model/model_contract.hpp"
#include "rate/model_at_rate.hpp"
#include "separation/stem_mixing.hpp"
#include "stream/stream_engine.hpp"
#include "stream/stream_schedule.hpp"

namespace demucs_ort {
namespace {

StemMixing mixing_of(const ModelInfo& info, const StreamOptions& options) {
  SeparatorOptions choice;
  choice.stems = options.stems;
  choice.two_stems = options.two_stems;
  choice.other_method = options.other_method;
  choice.residual_to = options.residual_to;
  return StemMixing(info, choice);
}

std::shared_ptr<const Model> checked(std::shared_ptr<const Model> model) {
  if (!model) throw Error(Status::invalid_argument, "a Stream needs a model");
  return model;
}

/// Seconds that the slowest of some runs takes; the first, which makes memory ready, does not count.
double slowest_run(const ModelAtRate& model, const RunOptions& options) {
  constexpr int runs = 6;
  const ModelInfo& info = model.info();
  std::vector<float> mix(info.channels * info.segment_frames);
  std::vector<float> stems(info.sources.size() * mix.size());
  std::minstd_rand random(1);
  std::normal_distribution<float> noise;
  for (float& sample : mix) sample = noise(random);
  model.run(mix.data(), 1, stems.data(), options);
  double slowest = 0;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    model.run(mix.data(), 1, stems.data(), options);
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return slowest;
}

}  // namespace

struct Stream::Impl {
  Impl(std::shared_ptr<const Model> model_in, const StreamOptions& options)
      : model(checked(std::move(model_in)), options.sample_rate), mixing(mixing_of(model.info(), options)) {
    const StreamSchedule check(model.info(), options, model.blurred_frames());  // before a bag loads its members
    run_options.wanted = mixing.sources();
    run_options.priority = options.priority;
    model.model().prepare(run_options.wanted);
    engine.emplace(
        model.info(), options, mixing,
        [this](const float* mix, float* stems) { model.run(mix, 1, stems, run_options); }, model.blurred_frames());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { run_options.cancel.request(); }

  ModelAtRate model;
  StemMixing mixing;
  RunOptions run_options;
  std::optional<StreamEngine> engine;
};

Stream::Stream(std::shared_ptr<const Model> model, const StreamOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}

Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

void Stream::process(const float* const* in, float* const* const* out, std::size_t frames,
                     const Strides& strides) noexcept {
  impl_->engine->process(in, out, frames, strides);
}

void Stream::render(const float* const* in, float* const* const* out, std::size_t frames, const Strides& strides) {
  impl_->engine->render(in, out, frames, strides);
}

void Stream::reset() noexcept { impl_->engine->reset(); }

std::size_t Stream::latency_frames() const noexcept { return impl_->engine->schedule().latency(); }
std::uint64_t Stream::underruns() const noexcept { return impl_->engine->underruns(); }
double Stream::load() const noexcept { return impl_->engine->load(); }
std::string Stream::failure() const { return impl_->engine->failure(); }
const std::vector<std::string>& Stream::stems() const noexcept { return impl_->mixing.names(); }
const Model& Stream::model() const noexcept { return impl_->model.model(); }

std::size_t Stream::latency_of(const StreamOptions& options, int model_sample_rate) {
  if (model_sample_rate < lowest_model_rate || model_sample_rate > highest_model_rate) {
    throw Error(Status::invalid_argument, "no model has a sample rate of " + std::to_string(model_sample_rate) +
                                              " Hz; choose " + std::to_string(lowest_model_rate) + " to " +
                                              std::to_string(highest_model_rate));
  }
  const std::size_t blurred = blurred_frames(model_sample_rate, options.sample_rate);
  return StreamTimes(options, options.sample_rate == 0 ? model_sample_rate : options.sample_rate, blurred).latency();
}

StreamOptions Stream::recommend(const std::shared_ptr<const Model>& model, StreamOptions options, double load) {
  if (!(load > 0 && load <= 1)) throw Error(Status::invalid_argument, "load must be more than 0 and at most 1");
  const ModelAtRate at_rate(checked(model), options.sample_rate);
  const ModelInfo& info = at_rate.info();
  constexpr double step = 0.001;  // seconds
  options.compute_time = step;
  options.hop = std::max(options.crossfade, step);
  const StreamSchedule shortest(info, options,
                                at_rate.blurred_frames());  // before the model runs: whether anything fits at all
  RunOptions run_options;
  run_options.wanted = mixing_of(info, options).sources();
  run_options.priority = options.priority;
  const double slowest = slowest_run(at_rate, run_options);

  // A host's block, the worker's sleep, and runs that are slower still.
  options.compute_time = std::ceil((1.2 * slowest + 0.03) / step) * step;
  options.hop = std::max({std::ceil(slowest / load / step) * step, options.crossfade, step});
  const std::size_t given = info.segment_frames - 2 * at_rate.blurred_frames();
  const double longest = static_cast<double>(given) / info.sample_rate - options.lookahead - options.crossfade;
  if (options.hop > longest) {
    throw Error(Status::runtime_failed, "a run takes " + decimal(slowest, 3) + " s here, and a window of " + info.name +
                                            " gives at most " + decimal(longest, 3) +
                                            " s of stems; choose a faster provider or a smaller model");
  }
  const StreamSchedule check(info, options, at_rate.blurred_frames());
  return options;
}

}  // namespace demucs_ort
