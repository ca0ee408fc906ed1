#include "deck/block_store.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/spill_file.hpp"
#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/stem_cache.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"

namespace demucs_ort {
namespace {

std::size_t bytes_of(const std::vector<BlockPart>& parts) {
  std::size_t bytes = 0;
  for (const BlockPart& part : parts) bytes += part.rows.size() * sizeof(float);
  return bytes;
}

}  // namespace

BlockStore::BlockStore(const BlockGrid& grid, const Format& format, std::unique_ptr<SpillFile> file)
    : format_(format),
      block_frames_(grid.block_frames()),
      file_(std::move(file)),
      cache_(format.rows, grid.frames(), block_frames_, format.fade_frames),
      table_(grid.blocks(), file_ != nullptr) {}

void BlockStore::put(std::size_t block, StemCache::Kind kind, std::unique_ptr<const StemBlock> stems) {
  const std::lock_guard lock(mutex_);
  cache_.put(block, kind, std::move(stems));
  BlockStatus& status = table_.blocks[block];
  if (kind == StemCache::final) {
    table_.final_blocks += !std::exchange(status.final, true);
    status.finishing = false;
  } else {
    table_.provisional_blocks += !std::exchange(status.provisional, true);
  }
}

std::optional<std::vector<BlockPart>> BlockStore::add(std::size_t block, BlockPart part, std::size_t wanted) {
  const std::lock_guard lock(mutex_);
  BlockStatus& status = table_.blocks[block];
  if (status.finished() || status.finishing || status.has_part(part.segment)) return std::nullopt;
  const std::size_t bytes = part.rows.size() * sizeof(float);
  status.parts.push_back(std::move(part));
  table_.part_bytes += bytes;
  if (status.parts.size() < wanted) return std::nullopt;
  table_.part_bytes -= bytes_of(status.parts);
  status.finishing = true;
  return std::exchange(status.parts, {});
}

void BlockStore::give_up(std::size_t block) noexcept {
  const std::lock_guard lock(mutex_);
  table_.blocks[block].finishing = false;
}

void BlockStore::drop(const Surplus& surplus) noexcept {
  const std::lock_guard lock(mutex_);
  BlockStatus& status = table_.blocks[surplus.block];
  switch (surplus.kind) {
    case Surplus::Kind::parts:
      table_.part_bytes -= bytes_of(status.parts);
      status.parts = {};
      break;
    case Surplus::Kind::provisional:
      table_.provisional_blocks -= std::exchange(status.provisional, false);
      cache_.drop(surplus.block, StemCache::provisional);
      break;
    case Surplus::Kind::final:
      table_.final_blocks -= std::exchange(status.final, false);
      cache_.drop(surplus.block, StemCache::final);
      break;
  }
}

void BlockStore::spill(std::size_t block) {
  const StemBlock* stems = nullptr;
  {
    const std::lock_guard lock(mutex_);
    stems = cache_.find(block, StemCache::final);
  }
  try {
    stems->save(*file_, block);  // nobody drops a block that is not in the file yet
  } catch (const Error& failure) {
    return stop_spilling(failure);
  }
  const std::lock_guard lock(mutex_);
  table_.blocks[block].spilled = true;
}

std::unique_ptr<const StemBlock> BlockStore::load(std::size_t block) {
  try {
    return std::make_unique<StemBlock>(*file_, block, format_.rows, block_frames_, format_.storage);
  } catch (const Error& failure) {
    stop_spilling(failure);
    return nullptr;
  }
}

void BlockStore::stop_spilling(const Error& failure) noexcept {
  file_.reset();
  {
    const std::lock_guard lock(mutex_);
    spill_failure_ = failure;
    table_.spills = false;
    for (BlockStatus& status : table_.blocks) status.spilled = false;
  }
  log(LogLevel::warning,
      [&] { return std::string("a deck gives up its spill file and keeps fewer stems: ") + failure.what(); });
}

std::optional<Error> BlockStore::spill_failure() const {
  const std::lock_guard lock(mutex_);
  return spill_failure_;
}

}  // namespace demucs_ort
