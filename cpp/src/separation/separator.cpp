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
#include "separation/separation.hpp"

namespace demucs_ort {

struct Separator::Impl {
  Impl(std::shared_ptr<const Model> model_in, const SeparatorOptions& options)
      : model(std::move(model_in)),
        separation(model->info(), options),
        run_options{{}, separation.sources(), options.priority} {
    model->prepare(run_options.wanted);
  }

  std::shared_ptr<const Model> model;
  Separation separation;
  RunOptions run_options;
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
  impl_->run_options.cancel = cancel;
  const auto infer = [&](const float* mix, float* stems) { impl_->model->run(mix, 1, stems, impl_->run_options); };
  return impl_->separation.run(infer, read, write, progress, cancel);
}

}  // namespace demucs_ort
