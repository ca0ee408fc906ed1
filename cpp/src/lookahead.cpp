#include "demucs_ort/lookahead.hpp"

#include <utility>

#include "lookahead_deck.hpp"
#include "lookahead_workers.hpp"

namespace demucs_ort {

struct Lookahead::Impl {
  Impl(LookaheadWorkers workers_in, Read read, std::size_t frames, const LookaheadOptions& options)
      : workers(std::move(workers_in)),
        pool(*workers.impl_),
        deck(pool.mutex, pool.model->info(), pool.options.provisional ? &pool.options.provisional->info() : nullptr,
             pool.options.workers, std::move(read), frames, options) {
    pool.model->prepare(deck.recipe().sources());
    if (pool.options.provisional) pool.options.provisional->prepare(deck.recipe().sources());
    pool.open(deck);
  }
  ~Impl() { pool.close(deck); }

  LookaheadWorkers workers;  // keeps the pool
  LookaheadWorkers::Impl& pool;
  LookaheadDeck deck;
};

Lookahead::Lookahead(LookaheadWorkers workers, Read read, std::size_t frames, const LookaheadOptions& options) {
  if (!workers.impl_) throw Error(Status::invalid_argument, "a Lookahead needs workers");
  impl_ = std::make_unique<Impl>(std::move(workers), std::move(read), frames, options);
}

Lookahead::Lookahead(Lookahead&&) noexcept = default;
Lookahead& Lookahead::operator=(Lookahead&&) noexcept = default;
Lookahead::~Lookahead() = default;

const std::vector<std::string>& Lookahead::stems() const noexcept { return impl_->deck.recipe().names(); }
std::size_t Lookahead::frames() const noexcept { return impl_->deck.frames(); }

void Lookahead::set_playhead(std::size_t frame) noexcept { impl_->deck.position().set_playhead(frame); }
void Lookahead::set_loop(std::size_t first, std::size_t end) noexcept { impl_->deck.position().set_loop(first, end); }

void Lookahead::set_cues(const std::vector<std::size_t>& frames) {
  const std::lock_guard lock(impl_->pool.mutex);
  impl_->deck.set_cues(frames);
}

LookaheadRead Lookahead::read(std::size_t frame, std::size_t frames, float* const* const* stems) noexcept {
  return impl_->deck.cache().read(frame, frames, impl_->deck.channels(), stems);
}

LookaheadState Lookahead::state() const {
  const std::lock_guard lock(impl_->pool.mutex);
  return impl_->deck.state();
}

}  // namespace demucs_ort
