#include "deck/deck_pool.hpp"

#include <utility>

namespace demucs_ort {

DeckPool::DeckPool(std::shared_ptr<const Model> model, const DeckPoolOptions& options)
    : impl_(std::make_shared<Impl>(std::move(model), options)) {}
DeckPool::DeckPool(const DeckPool&) = default;
DeckPool::DeckPool(DeckPool&&) noexcept = default;
DeckPool& DeckPool::operator=(const DeckPool&) = default;
DeckPool& DeckPool::operator=(DeckPool&&) noexcept = default;
DeckPool::~DeckPool() = default;

const Model& DeckPool::model() const noexcept { return impl_->model(); }
bool DeckPool::warm() const noexcept { return impl_->warm(); }
std::uint64_t DeckPool::preempted() const noexcept { return impl_->preempted(); }

}  // namespace demucs_ort
