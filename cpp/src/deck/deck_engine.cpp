#include "deck/deck_engine.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/spill_file.hpp"
#include "deck/block_grid.hpp"
#include "deck/block_store.hpp"
#include "deck/block_table.hpp"
#include "deck/deck_buffers.hpp"
#include "deck/deck_limits.hpp"
#include "deck/deck_planner.hpp"
#include "deck/stem_cache.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "rate/model_at_rate.hpp"
#include "rate/window_grid.hpp"
#include "separation/segment_spacing.hpp"
#include "separation/track_level.hpp"

namespace demucs_ort {
namespace {

constexpr std::size_t max_block = 8192;  // frames; what one step of the cache, and of `read`, holds

const ModelInfo* info_of(const ModelAtRate* model) { return model == nullptr ? nullptr : &model->info(); }

/// Short enough that the window of either model is many blocks.
std::size_t choose_block_frames(const ModelInfo& info, const ModelInfo* provisional) {
  const std::size_t shorter = provisional == nullptr ? info.segment_frames : provisional->segment_frames;
  return std::clamp<std::size_t>(std::bit_floor(shorter / 8), 1, max_block);
}

BlockGrid make_grid(const ModelAtRate& model, const ModelInfo* provisional, const SeparatorOptions& options,
                    std::size_t frames) {
  return {frames, choose_block_frames(model.info(), provisional),
          SegmentPlan(frames, model.grid(), SegmentSpacing(model.model().info(), options))};
}

DeckPlanner make_planner(const ModelInfo& info, const ModelInfo* provisional, unsigned workers, const BlockGrid& grid,
                         const BlockStore& store, std::size_t cache_mb) {
  const std::size_t segment_blocks = info.segment_frames / grid.block_frames();
  const std::size_t window_blocks = provisional == nullptr ? 0 : provisional->segment_frames / grid.block_frames();
  const DeckNeeds needs{store.block_bytes(), info.sources.size() * info.channels * grid.block_frames() * sizeof(float),
                        segment_blocks + 2,  workers,
                        window_blocks > 0,   store.spills()};
  return {grid, segment_blocks, window_blocks, DeckLimits::share(cache_mb, grid, needs)};
}

}  // namespace

DeckEngine::DeckEngine(const ModelAtRate& model, const ModelAtRate* provisional, unsigned workers, Read read,
                       std::size_t frames, const DeckOptions& options, std::unique_ptr<SpillFile> file)
    : model_rate_(model.model().info().sample_rate),
      segment_frames_(model.model().info().segment_frames),
      sample_rate_(model.info().sample_rate),
      mixing_(model.info(), options.separator),
      reader_(std::move(read), frames),
      grid_(make_grid(model, info_of(provisional), options.separator, frames)),
      position_(frames, grid_.block_frames()),
      store_(grid_,
             {mixing_.outputs().size() * model.info().channels, model.info().channels, options.storage,
              options.crossfade_frames},
             std::move(file)),
      separation_(model.info(), model.grid().frames(), mixing_, grid_, options.storage, reader_),
      planner_(make_planner(model.info(), info_of(provisional), workers, grid_, store_, options.cache_mb)),
      disk_([this] { return serve_disk(); }) {
  if (provisional != nullptr) {
    provisional_.emplace(provisional->info(), mixing_, grid_, options.storage, options.crossfade_frames, reader_);
  }
  if (store_.spills()) disk_.start();
}

void DeckEngine::set_cues(const std::vector<std::size_t>& frames) {
  const std::lock_guard lock(mutex_);
  planner_.set_cues(frames);
  changed();
}

DeckState DeckEngine::state() const {
  DeckState state;
  const std::lock_guard lock(mutex_);
  store_.look([&](const BlockTable& table) {
    const auto& blocks = table.blocks;
    const auto finished = std::count_if(blocks.begin(), blocks.end(), [](const auto& b) { return b.finished(); });
    const auto spilled = std::count_if(blocks.begin(), blocks.end(), [](const auto& b) { return b.spilled; });
    state.fraction = static_cast<double>(finished) / static_cast<double>(blocks.size());
    state.cached_bytes = (table.final_blocks + table.provisional_blocks) * store_.block_bytes() + table.part_bytes;
    state.spilled_bytes = static_cast<std::size_t>(spilled) * store_.block_bytes();
    const std::size_t playhead = position_.playhead();
    const auto until = [&](const auto& there) {
      std::size_t block = playhead / grid_.block_frames();
      while (block < blocks.size() && there(blocks[block])) ++block;
      const std::size_t end = std::min(grid_.start(block), grid_.frames());
      return end > playhead ? end - playhead : 0;
    };
    state.ready_frames = until([](const BlockStatus& status) { return status.readable(); });
    state.final_frames = until([](const BlockStatus& status) { return status.final; });
  });
  state.segments = segments_run_;
  state.provisional = windows_run_;
  state.stage = failure_               ? DeckStage::failed
                : !planner_.measured() ? DeckStage::measuring
                : planner_.idle()      ? DeckStage::done
                                       : DeckStage::separating;
  if (failure_) {
    state.error = failure_->status;
    state.message = failure_->message.empty() ? "there is not enough memory" : failure_->message;
  } else if (const auto failure = store_.spill_failure()) {
    state.message = std::string(failure->what()) + "; stems that do not fit the cache are computed again";
  }
  return state;
}

// ------------------------------------------------------------------------------------------------------ a worker's
// turn

std::optional<DeckJob> DeckEngine::next(std::size_t provisional_ahead) noexcept {
  const std::lock_guard lock(mutex_);
  if (failure_) return std::nullopt;
  if (planner_.follow(position_.playhead() / grid_.block_frames(), position_.loop())) changed();
  const std::size_t ahead = frames_at(provisional_ahead, model_rate_, sample_rate_);
  auto job = store_.look([&](const BlockTable& table) { return planner_.next(table, ahead); });
  if (job) job->deadline = frames_at(job->deadline, sample_rate_, model_rate_);
  return job;
}

void DeckEngine::begin(const DeckJob& job) noexcept {
  const std::lock_guard lock(mutex_);
  planner_.begin(job);
}

void DeckEngine::end(const DeckJob& job) noexcept {
  const std::lock_guard lock(mutex_);
  planner_.end(job);
  disk_.wake();
}

void DeckEngine::fail(DeckFailure failure) noexcept {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
}

std::size_t DeckEngine::deadline(const DeckJob& job) const noexcept {
  const std::lock_guard lock(mutex_);
  const auto deadline = [&](const BlockTable& table) { return planner_.deadline(job, table); };
  return frames_at(store_.look(deadline), sample_rate_, model_rate_);
}

// ------------------------------------------------------------------------------------------------------------
// computing

void DeckEngine::perform(const DeckJob& job, DeckBuffers& main, DeckBuffers* provisional, const CancelToken& cancel) {
  DeckBuffers& own = job.kind == DeckJob::Kind::provisional ? *provisional : main;
  own.fit(sample_rate_);
  switch (job.kind) {
    case DeckJob::Kind::measure:
      if (separation_.measure(own.window(), cancel)) {
        const std::lock_guard lock(mutex_);
        planner_.level_known();
      }
      break;
    case DeckJob::Kind::provisional:
      compute_provisional(job, own, cancel);
      break;
    case DeckJob::Kind::segment:
      compute_segment(job, own, cancel);
      break;
  }
}

RunOptions DeckEngine::run_options(const DeckJob& job, const CancelToken& cancel) const {
  const bool soon = job.deadline < 2 * segment_frames_;
  return {cancel, mixing_.sources(), soon ? Priority::foreground : Priority::background};
}

/// The blocks from the playhead on come first.
void DeckEngine::compute_segment(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel) {
  separation_.run(job.index, buffers, run_options(job, cancel));
  const auto [first, end] = grid_.blocks_of(job.index);
  const std::size_t playing = std::clamp(position_.playhead() / grid_.block_frames(), first, end);
  for (std::size_t block = playing; block < end; ++block) add(job.index, block, buffers, cancel);
  for (std::size_t block = first; block < playing; ++block) add(job.index, block, buffers, cancel);
  const std::lock_guard lock(mutex_);
  ++segments_run_;
}

/// Keeps what a computed segment contributes to a block, and finishes the block if that was all it lacked.
void DeckEngine::add(std::size_t segment, std::size_t block, const DeckBuffers& buffers, const CancelToken& cancel) {
  const auto [first, end] = grid_.segments_of(block);
  const auto parts = store_.add(block, separation_.part(segment, block, buffers), end - first);
  if (!parts) {
    const std::lock_guard lock(mutex_);
    return changed();
  }
  try {
    put(block, StemCache::final, separation_.finish(block, *parts, cancel));
  } catch (...) {
    store_.give_up(block);
    throw;
  }
}

void DeckEngine::compute_provisional(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel) {
  std::optional<TrackLevel> level;
  if (separation_.measured()) level = separation_.level();
  provisional_->run(job.index, level, buffers, run_options(job, cancel), [&](std::size_t block, auto stems) {
    const auto is_wanted = [&](const BlockTable& t) { return DeckPlanner::wants_provisional(block, job.index, t); };
    if (store_.look(is_wanted)) put(block, StemCache::provisional, std::move(stems));
  });
  const std::lock_guard lock(mutex_);
  ++windows_run_;
}

// --------------------------------------------------------------------------------------------------- memory and the
// disk

/// What comes and what therefore has to go changes in one step.
void DeckEngine::put(std::size_t block, StemCache::Kind kind, std::unique_ptr<const StemBlock> stems) {
  const std::lock_guard lock(mutex_);
  store_.put(block, kind, std::move(stems));
  changed();
}

/// With the lock: keeps memory to its shares, and the disk at work.
void DeckEngine::changed() noexcept {
  planner_.changed();
  const auto surplus = [&] { return store_.look([&](const BlockTable& table) { return planner_.surplus(table); }); };
  while (const auto block = surplus()) store_.drop(*block);
  disk_.wake();
}

/// Does what the disk has to do next, without the lock; false if that is nothing.
bool DeckEngine::serve_disk() noexcept {
  std::optional<DiskJob> job;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) job = store_.look([&](const BlockTable& table) { return planner_.next_disk(table); });
    if (!job) return false;
    planner_.begin(*job);
  }
  perform(*job);
  const std::lock_guard lock(mutex_);
  planner_.end(*job);
  changed();
  return true;
}

void DeckEngine::perform(const DiskJob& job) noexcept {
  try {
    if (job.kind == DiskJob::Kind::spill) {
      store_.spill(job.block);
    } else if (auto stems = store_.load(job.block)) {
      put(job.block, StemCache::final, std::move(stems));
    }
  } catch (...) {
    fail(DeckFailure::current());
  }
}

}  // namespace demucs_ort
