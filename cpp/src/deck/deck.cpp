#include "demucs_ort/deck.hpp"

#include <utility>

#include "deck/deck_engine.hpp"
#include "deck/deck_pool.hpp"

namespace demucs_ort {

struct Deck::Impl {
  Impl(DeckPool workers_in, Read read, std::size_t frames, const DeckOptions& options)
      : workers(std::move(workers_in)),
        pool(*workers.impl_),
        deck(pool.mutex, pool.model->info(), pool.options.provisional ? &pool.options.provisional->info() : nullptr,
             pool.options.workers, std::move(read), frames, options) {
    pool.model->prepare(deck.mixing().sources());
    if (pool.options.provisional) pool.options.provisional->prepare(deck.mixing().sources());
    pool.open(deck);
  }
  ~Impl() { pool.close(deck); }

  DeckPool workers;  // keeps the pool
  DeckPool::Impl& pool;
  DeckEngine deck;
};

Deck::Deck(DeckPool workers, Read read, std::size_t frames, const DeckOptions& options) {
  if (!workers.impl_) throw Error(Status::invalid_argument, "a Deck needs workers");
  impl_ = std::make_unique<Impl>(std::move(workers), std::move(read), frames, options);
}

Deck::Deck(Deck&&) noexcept = default;
Deck& Deck::operator=(Deck&&) noexcept = default;
Deck::~Deck() = default;

const std::vector<std::string>& Deck::stems() const noexcept { return impl_->deck.mixing().names(); }
std::size_t Deck::frames() const noexcept { return impl_->deck.frames(); }

void Deck::set_playhead(std::size_t frame) noexcept { impl_->deck.position().set_playhead(frame); }
void Deck::set_loop(std::size_t first, std::size_t end) noexcept { impl_->deck.position().set_loop(first, end); }

void Deck::set_cues(const std::vector<std::size_t>& frames) {
  const std::lock_guard lock(impl_->pool.mutex);
  impl_->deck.set_cues(frames);
}

DeckRead Deck::read(std::size_t frame, std::size_t frames, float* const* const* stems) noexcept {
  return impl_->deck.cache().read(frame, frames, impl_->deck.channels(), stems);
}

DeckState Deck::state() const {
  const std::lock_guard lock(impl_->pool.mutex);
  return impl_->deck.state();
}

}  // namespace demucs_ort
