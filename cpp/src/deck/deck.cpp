#include "demucs_ort/deck.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/deck_engine.hpp"
#include "deck/deck_pool.hpp"  // IWYU pragma: keep (DeckPool::Impl)
#include "deck/deck_workers.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

struct Deck::Impl {
  Impl(DeckPool pool_in, Read read, std::size_t frames, const DeckOptions& options)
      : pool(std::move(pool_in)),
        workers(*pool.impl_),
        deck(workers.model().info(), provisional() ? &provisional()->info() : nullptr, workers.options().workers,
             std::move(read), frames, options, spill_file(options.spill_folder)) {
    workers.model().prepare(deck.mixing().sources());
    if (provisional()) provisional()->prepare(deck.mixing().sources());
    workers.open(deck);
  }
  ~Impl() { workers.close(deck); }

  const std::shared_ptr<const Model>& provisional() const { return workers.options().provisional; }
  static std::unique_ptr<SpillFile> spill_file(const std::filesystem::path& folder) {
    return folder.empty() ? nullptr : std::make_unique<SpillFile>(folder);
  }

  DeckPool pool;  // keeps the workers
  DeckWorkers& workers;
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

DeckRead Deck::read(std::size_t frame, std::size_t frames, float* const* const* stems) noexcept {
  return impl_->deck.read(frame, frames, stems);
}

DeckState Deck::state() const { return impl_->deck.state(); }

}  // namespace demucs_ort
