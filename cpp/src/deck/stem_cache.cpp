#include "deck/stem_cache.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/spill_file.hpp"
#include "demucs_ort/deck.hpp"

namespace demucs_ort {
namespace {

constexpr float compact_full_scale = 32767.0F;

}  // namespace

StemBlock::StemBlock(const std::vector<float*>& rows, std::size_t frames, StemStorage storage) : frames_(frames) {
  if (storage == StemStorage::exact) {
    exact_.reserve(rows.size() * frames);
    for (const float* row : rows) exact_.insert(exact_.end(), row, row + frames);
    return;
  }
  compact_.reserve(rows.size() * frames);
  for (const float* row : rows) {
    float peak = 0;
    for (std::size_t i = 0; i < frames; ++i) peak = std::max(peak, std::abs(row[i]));
    units_.push_back(peak / compact_full_scale);
    const float scale = units_.back() > 0 ? 1 / units_.back() : 0;
    for (std::size_t i = 0; i < frames; ++i) {
      const float level = std::clamp(std::nearbyint(row[i] * scale), -compact_full_scale, compact_full_scale);
      compact_.push_back(static_cast<std::int16_t>(level));
    }
  }
}

StemBlock::StemBlock(SpillFile& file, std::size_t index, std::size_t rows, std::size_t frames, StemStorage storage)
    : frames_(frames) {
  if (storage == StemStorage::exact) {
    exact_.resize(rows * frames);
    file.get(index, {std::as_writable_bytes(std::span(exact_))});
  } else {
    units_.resize(rows);
    compact_.resize(rows * frames);
    file.get(index, {std::as_writable_bytes(std::span(units_)), std::as_writable_bytes(std::span(compact_))});
  }
}

std::size_t StemBlock::size(std::size_t rows, std::size_t frames, StemStorage storage) {
  return storage == StemStorage::exact ? rows * frames * sizeof(float)
                                       : rows * (frames * sizeof(std::int16_t) + sizeof(float));
}

void StemBlock::save(SpillFile& file, std::size_t index) const {
  if (units_.empty()) {
    file.put(index, {std::as_bytes(std::span(exact_))});
  } else {
    file.put(index, {std::as_bytes(std::span(units_)), std::as_bytes(std::span(compact_))});
  }
}

template <typename Use>
void StemBlock::for_each(std::size_t row, std::size_t at, std::size_t count, const Use& use) const noexcept {
  const std::size_t first = row * frames_ + at;
  if (units_.empty()) {
    for (std::size_t i = 0; i < count; ++i) use(i, exact_[first + i]);
  } else {
    for (std::size_t i = 0; i < count; ++i) use(i, static_cast<float>(compact_[first + i]) * units_[row]);
  }
}

void StemBlock::copy(std::size_t row, std::size_t at, std::size_t count, float* out,
                     std::size_t stride) const noexcept {
  for_each(row, at, count, [=](std::size_t i, float sample) { out[i * stride] = sample; });
}

void StemBlock::blend(std::size_t row, std::size_t at, std::size_t count, float share, float step, float* out,
                      std::size_t stride) const noexcept {
  for_each(row, at, count, [=](std::size_t i, float sample) {
    out[i * stride] = sample + (out[i * stride] - sample) * (share + step * static_cast<float>(i));
  });
}

StemCache::StemCache(std::size_t rows, std::size_t frames, std::size_t block_frames, std::size_t fade_frames)
    : rows_(rows),
      frames_(frames),
      block_frames_(block_frames),
      fade_frames_(std::clamp<std::size_t>(fade_frames, 1, block_frames)),
      blocks_((frames + block_frames - 1) / block_frames) {}

DeckRead StemCache::read(std::size_t frame, std::size_t count, const StemTarget& target) noexcept {
  if (frame != next_frame_) reading_ = false;
  count = frame < frames_ ? std::min(count, frames_ - frame) : 0;
  std::size_t done = 0;
  bool all_final = true;
  while (done < count) {
    const std::size_t index = (frame + done) / block_frames_;
    const std::size_t at = (frame + done) % block_frames_;
    const std::size_t wanted = std::min(count - done, block_frames_ - at);
    Entry& entry = blocks_[index];
    entry.readers.fetch_add(1);
    const std::size_t got = step(index, at, wanted, done, target, all_final);
    entry.readers.fetch_sub(1);
    if (got == 0) break;
    done += got;
    reading_ = true;
  }
  if (done < count) reading_ = false;
  next_frame_ = frame + done;
  if (done == 0) return {};
  return {done, all_final ? StemQuality::final : StemQuality::provisional};
}

bool StemCache::shows(std::size_t index, Kind kind) const noexcept {
  return index < blocks_.size() && blocks_[index].shown[kind].load() != nullptr;
}

/// Reads on in one block, at most to where a fade begins or ends; returns the frames read.
std::size_t StemCache::step(std::size_t index, std::size_t at, std::size_t count, std::size_t done,
                            const StemTarget& target, bool& all_final) noexcept {
  // In this order: the provisional block goes only after the final one has come.
  const StemBlock* provisional_stems = blocks_[index].shown[provisional].load();
  const StemBlock* final_stems = blocks_[index].shown[final].load();
  if (final_stems == nullptr && provisional_stems == nullptr) return 0;
  bool to_final = final_stems != nullptr;
  if (final_stems != nullptr && provisional_stems != nullptr && !shows(index + 1, final) &&
      shows(index + 1, provisional)) {
    // The final stems end with this block: fade before they do.
    const std::size_t fade_at = block_frames_ - std::min(fade_frames_, block_frames_);
    if (at >= fade_at) {
      to_final = false;
    } else {
      count = std::min(count, fade_at - at);
    }
  }
  const std::size_t wanted_share = to_final ? fade_frames_ : 0;
  if (!reading_ || final_stems == nullptr || provisional_stems == nullptr) share_ = wanted_share;
  const bool fading = share_ != wanted_share;
  if (fading) count = std::min(count, to_final ? fade_frames_ - share_ : share_);

  const float unit = 1.0F / static_cast<float>(fade_frames_);
  for (std::size_t row = 0; row < rows_; ++row) {
    float* out = target.stems[row / target.channels][row % target.channels] + done * target.stride;
    (fading || to_final ? final_stems : provisional_stems)->copy(row, at, count, out, target.stride);
    if (fading) {
      const float share = static_cast<float>(share_) * unit;
      provisional_stems->blend(row, at, count, share, to_final ? unit : -unit, out, target.stride);
    }
  }
  if (fading) share_ = to_final ? share_ + count : share_ - count;
  all_final = all_final && !fading && to_final;
  return count;
}

void StemCache::put(std::size_t index, Kind kind, std::unique_ptr<const StemBlock> block) {
  std::forward_list<Held> held;
  held.push_front({index, std::move(block)});
  Entry& entry = blocks_[index];
  entry.held[kind].swap(held);
  entry.shown[kind].store(entry.held[kind].front().block.get());
  retire(held);
}

void StemCache::drop(std::size_t index, Kind kind) noexcept {
  blocks_[index].shown[kind].store(nullptr);
  retire(blocks_[index].held[kind]);
}

void StemCache::retire(std::forward_list<Held>& held) noexcept {
  retired_.splice_after(retired_.before_begin(), held);
  retired_.remove_if([&](const Held& retired) { return blocks_[retired.index].readers.load() == 0; });
}

}  // namespace demucs_ort
