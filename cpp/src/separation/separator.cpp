#include "demucs_ort/separator.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "separation/runs_in_flight.hpp"
#include "separation/separation.hpp"
#include "separation/stem_mixing.hpp"

namespace demucs_ort {

namespace {

/// Loads what the sources need of a bag, before anybody asks the model what it computes at a time.
const Model& prepared(const Model& model, const SourceMask& wanted) {
  model.prepare(wanted);
  return model;
}

/// All that the model computes at a time; in the background one run less, so that others find a place at once.
InFlight in_flight(const Model& model, Priority priority) {
  const unsigned runs = model.max_concurrent_runs();
  return {priority == Priority::background && runs > 1 ? runs - 1 : runs, model.max_batch()};
}

}  // namespace

struct Separator::Impl {
  Impl(std::shared_ptr<const Model> model_in, const SeparatorOptions& options)
      : model(std::move(model_in)),
        wanted(StemMixing(model->info(), options).sources()),
        priority(options.priority),
        separation(model->info(), options, in_flight(prepared(*model, wanted), priority)) {}

  std::shared_ptr<const Model> model;
  SourceMask wanted;
  Priority priority;
  Separation separation;
};

Separator::Separator(std::shared_ptr<const Model> model, SeparatorOptions options) {
  if (!model) throw Error(Status::invalid_argument, "a Separator needs a model");
  impl_ = std::make_unique<Impl>(std::move(model), options);
}

Separator::Separator(Separator&&) noexcept = default;
Separator& Separator::operator=(Separator&&) noexcept = default;
Separator::~Separator() = default;

const std::vector<std::string>& Separator::stems() const noexcept { return impl_->separation.stems(); }
const Model& Separator::model() const noexcept { return *impl_->model; }
double Separator::model_seconds() const noexcept { return impl_->separation.model_seconds(); }

void Separator::separate(const float* const* mix, std::size_t frames, float* const* const* stems,
                         const OnProgress& progress, const CancelToken& cancel) {
  if (frames > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float)) {
    throw Error(Status::invalid_argument, "a track of " + std::to_string(frames) + " frames fits no memory");
  }
  const std::size_t channels = impl_->model->info().channels;
  const std::size_t stem_count = impl_->separation.stems().size();
  const auto read = [&](std::size_t first, std::size_t wanted, float* const* out) {
    const std::size_t count = std::min(wanted, frames - first);
    for (std::size_t c = 0; c < channels; ++c) std::copy_n(mix[c] + first, count, out[c]);
    return count;
  };
  const auto write = [&](std::size_t first, std::size_t count, const float* const* const* out) {
    for (std::size_t s = 0; s < stem_count; ++s) {
      for (std::size_t c = 0; c < channels; ++c) std::copy_n(out[s][c], count, stems[s][c] + first);
    }
  };
  separate(read, write, progress, cancel);
}

std::size_t Separator::separate(const Read& read, const Write& write, const OnProgress& progress,
                                const CancelToken& cancel) {
  const auto infer = [this](const float* mix, std::size_t segments, float* stems, const CancelToken& stop) {
    impl_->model->run(mix, segments, stems, {stop, impl_->wanted, impl_->priority});
  };
  return impl_->separation.run(infer, read, write, progress, cancel);
}

}  // namespace demucs_ort
