#include "deck/deck_pool.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {
namespace {

constexpr unsigned max_workers = 64;

void check_runs(const Model& model, unsigned workers, const char* which) {
  if (model.max_concurrent_runs() < workers) {
    throw Error(Status::invalid_argument, std::to_string(workers) + " workers need as many runs at a time, but the " +
                                              which + " was loaded for " + std::to_string(model.max_concurrent_runs()) +
                                              "; set ModelOptions::max_concurrent_runs");
  }
}

void check_provisional(const ModelInfo& model, const ModelInfo& provisional) {
  const bool fits = provisional.weights_sha256 == model.weights_sha256 && provisional.sources == model.sources &&
                    provisional.sample_rate == model.sample_rate && provisional.channels == model.channels &&
                    provisional.segment_frames <= model.segment_frames;
  if (!fits) {
    throw Error(Status::invalid_argument, "the provisional model '" + provisional.name +
                                              "' is not the same as the model '" + model.name +
                                              "' with a shorter window; export it with demucs-export --segment");
  }
}

void check(const Model* model, const DeckPoolOptions& options) {
  if (model == nullptr) throw Error(Status::invalid_argument, "a DeckPool needs a model");
  if (options.workers < 1 || options.workers > max_workers) {
    throw Error(Status::invalid_argument, "workers must be 1 to " + std::to_string(max_workers));
  }
  check_runs(*model, options.workers, "model");
  if (!options.provisional) return;
  check_runs(*options.provisional, options.workers, "provisional model");
  check_provisional(model->info(), options.provisional->info());
}

}  // namespace

DeckPool::DeckPool(std::shared_ptr<const Model> model, const DeckPoolOptions& options) {
  check(model.get(), options);
  impl_ = std::make_shared<Impl>(std::move(model), options);
}
DeckPool::DeckPool(const DeckPool&) = default;
DeckPool::DeckPool(DeckPool&&) noexcept = default;
DeckPool& DeckPool::operator=(const DeckPool&) = default;
DeckPool& DeckPool::operator=(DeckPool&&) noexcept = default;
DeckPool::~DeckPool() = default;

const Model& DeckPool::model() const noexcept { return impl_->model(); }
bool DeckPool::warm() const noexcept { return impl_->warm(); }
std::uint64_t DeckPool::preempted() const noexcept { return impl_->preempted(); }

}  // namespace demucs_ort
