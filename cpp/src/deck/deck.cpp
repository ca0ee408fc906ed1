#include "demucs_ort/deck.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/deck_engine.hpp"
#include "deck/deck_pool.hpp"  // IWYU pragma: keep (DeckPool::Impl)
#include "deck/deck_workers.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "rate/model_at_rate.hpp"

namespace demucs_ort {

struct Deck::Impl {
  Impl(DeckPool pool_in, Read read, std::size_t frames, const DeckOptions& options)
      : pool(std::move(pool_in)),
        workers(*pool.impl_),
        model(workers.shared_model(), options.separator.sample_rate),
        provisional(at_rate(workers.options().provisional, options.separator.sample_rate)),
        deck(model, provisional ? &*provisional : nullptr, workers.options().workers, std::move(read), frames, options,
             spill_file(options.spill_folder)) {
    model.model().prepare(deck.mixing().sources());
    if (provisional) provisional->model().prepare(deck.mixing().sources());
    workers.open(deck);
  }
  ~Impl() { workers.close(deck); }

  static std::optional<ModelAtRate> at_rate(const std::shared_ptr<const Model>& model, int sample_rate) {
    return model ? std::optional<ModelAtRate>(std::in_place, model, sample_rate) : std::nullopt;
  }
  static std::unique_ptr<SpillFile> spill_file(const std::filesystem::path& folder) {
    return folder.empty() ? nullptr : std::make_unique<SpillFile>(folder);
  }

  DeckPool pool;  // keeps the workers
  DeckWorkers& workers;
  ModelAtRate model;
  std::optional<ModelAtRate> provisional;
  DeckEngine deck;
};

Deck::Deck(DeckPool pool, Read read, std::size_t frames, const DeckOptions& options) {
  if (!pool.impl_) throw Error(Status::invalid_argument, "a Deck needs a pool");
  impl_ = std::make_unique<Impl>(std::move(pool), std::move(read), frames, options);
}

Deck::Deck(Deck&&) noexcept = default;
Deck& Deck::operator=(Deck&&) noexcept = default;
Deck::~Deck() = default;

const std::vector<std::string>& Deck::stems() const noexcept { return impl_->deck.mixing().names(); }
std::size_t Deck::frames() const noexcept { return impl_->deck.frames(); }

void Deck::set_playhead(std::size_t frame) noexcept { impl_->deck.position().set_playhead(frame); }
void Deck::set_loop(std::size_t first, std::size_t end) noexcept { impl_->deck.position().set_loop(first, end); }

void Deck::set_cues(const std::vector<std::size_t>& frames) { impl_->deck.set_cues(frames); }

DeckRead Deck::read(std::size_t frame, std::size_t frames, float* const* const* stems, std::size_t stride) noexcept {
  return impl_->deck.read(frame, frames, stems, stride);
}

DeckState Deck::state() const { return impl_->deck.state(); }

}  // namespace demucs_ort
