#include "demucs_ort/separator.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "rate/model_at_rate.hpp"
#include "separation/mix_spool.hpp"
#include "separation/runs_in_flight.hpp"
#include "separation/separation.hpp"
#include "separation/stem_mixing.hpp"

namespace demucs_ort {

namespace {

/// Loads what the sources need of a bag, before anybody asks the model what it computes at a time.
const Model& prepared(const Model& model, const SourceMask& wanted, const CancelToken& cancel) {
  model.prepare(wanted, cancel);
  return model;
}

/// All that the model computes at a time; in the background one run less, so that others find a place at once.
InFlight in_flight(const Model& model, Priority priority) {
  const unsigned runs = model.max_concurrent_runs();
  return {priority == Priority::background && runs > 1 ? runs - 1 : runs, model.max_batch()};
}

void require_memory_holds(std::size_t frames, std::size_t stride) {
  if (stride == 0) throw Error(Status::invalid_argument, "a stride of 0 is out of range; 1 is planar");
  if (frames > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float) / stride) {
    throw Error(Status::invalid_argument, "a track of " + std::to_string(frames) + " frames fits no memory");
  }
}

/// The track that `call` is about.
MixSpool& pushed(std::optional<MixSpool>& spool, const std::string& call) {
  if (!spool) throw Error(Status::invalid_argument, call + " needs a track that begin has started");
  return *spool;
}

void copy_strided(const float* from, std::size_t from_stride, std::size_t frames, float* to, std::size_t to_stride) {
  if (from_stride == 1 && to_stride == 1) {
    std::copy_n(from, frames, to);
  } else {
    for (std::size_t i = 0; i < frames; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

}  // namespace

struct Separator::Impl {
  Impl(std::shared_ptr<const Model> model_in, const SeparatorOptions& options, const CancelToken& cancel)
      : model(std::move(model_in), options.sample_rate),
        wanted(StemMixing(model.info(), options).sources()),
        priority(options.priority),
        separation(model.model().info(), model.grid(), options,
                   in_flight(prepared(model.model(), wanted, cancel), priority)) {}

  ModelAtRate model;
  SourceMask wanted;
  Priority priority;
  Separation separation;
  std::optional<MixSpool> pushed;  // since begin
};

Separator::Separator(std::shared_ptr<const Model> model, SeparatorOptions options, const CancelToken& cancel) {
  if (!model) throw Error(Status::invalid_argument, "a Separator needs a model");
  impl_ = std::make_unique<Impl>(std::move(model), options, cancel);
}

Separator::Separator(Separator&&) noexcept = default;
Separator& Separator::operator=(Separator&&) noexcept = default;
Separator::~Separator() = default;

const std::vector<std::string>& Separator::stems() const noexcept { return impl_->separation.stems(); }
const Model& Separator::model() const noexcept { return impl_->model.model(); }
double Separator::model_seconds() const noexcept { return impl_->separation.model_seconds(); }

void Separator::separate(const float* const* mix, std::size_t frames, float* const* const* stems,
                         const OnProgress& progress, const CancelToken& cancel, const Strides& strides) {
  require_memory_holds(frames, strides.mix);
  require_memory_holds(frames, strides.stems);
  const std::size_t channels = impl_->model.info().channels;
  const std::size_t stem_count = impl_->separation.stems().size();
  const auto read = [&](std::size_t first, std::size_t wanted, float* const* out) {
    const std::size_t count = std::min(wanted, frames - first);
    for (std::size_t c = 0; c < channels; ++c) {
      copy_strided(mix[c] + first * strides.mix, strides.mix, count, out[c], 1);
    }
    return count;
  };
  const auto write = [&](std::size_t first, std::size_t count, const float* const* const* out) {
    for (std::size_t s = 0; s < stem_count; ++s) {
      for (std::size_t c = 0; c < channels; ++c) {
        copy_strided(out[s][c], 1, count, stems[s][c] + first * strides.stems, strides.stems);
      }
    }
  };
  separate(read, write, progress, cancel);
}

void Separator::begin(const std::filesystem::path& spill_folder) {
  abandon();
  std::error_code none;
  const auto folder = spill_folder.empty() ? std::filesystem::temp_directory_path(none) : spill_folder;
  impl_->pushed.emplace(impl_->model.info().channels, folder);
}

void Separator::push(const float* const* mix, std::size_t frames, std::size_t stride) {
  try {
    require_memory_holds(frames, stride);
    pushed(impl_->pushed, "push").push(mix, frames, stride);
  } catch (...) {
    abandon();  // part of a track would be separated without a word
    throw;
  }
}

std::size_t Separator::finish(const Write& write, const OnProgress& progress, const CancelToken& cancel) {
  MixSpool& spool = pushed(impl_->pushed, "finish");
  const auto read = [&](std::size_t first, std::size_t frames, float* const* channels) {
    return spool.read(first, frames, channels);
  };
  const std::size_t frames = separate(read, write, progress, cancel);
  abandon();
  return frames;
}

void Separator::abandon() noexcept { impl_->pushed.reset(); }

std::size_t Separator::separate(const Read& read, const Write& write, const OnProgress& progress,
                                const CancelToken& cancel) {
  const auto infer = [this](const float* mix, std::size_t windows, const std::size_t* skipped, float* stems,
                            const CancelToken& stop) {
    impl_->model.run_on_grid(mix, windows, skipped, stems, {stop, impl_->wanted, impl_->priority});
  };
  return impl_->separation.run(infer, read, write, progress, cancel);
}

}  // namespace demucs_ort
