#include "deck/deck_planner.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deck/block_grid.hpp"
#include "deck/block_table.hpp"
#include "deck/deck_limits.hpp"
#include "deck/playback_route.hpp"
#include "demucs_ort/error.hpp"

namespace demucs_ort {
namespace {

constexpr std::size_t min_stay = 4;  // blocks that keep provisional stems below final ones, for the fade

/// The playhead would find nothing here, and it is not the disk that has to bring it.
bool needs_stems(const BlockStatus& status) { return !status.readable() && !status.finished(); }

/// The block that the playhead reaches last of those that go.
template <typename Goes>
std::optional<std::size_t> last_of(const PlaybackRoute& route, const BlockTable& table, const Goes& goes) {
  for (std::size_t rank = route.size(); rank-- > 0;) {
    if (goes(rank, table.blocks[route[rank]])) return route[rank];
  }
  return std::nullopt;
}

}  // namespace

DeckPlanner::DeckPlanner(const BlockGrid& grid, std::size_t near, std::size_t window_blocks, const DeckLimits& limits)
    : grid_(grid),
      window_blocks_(window_blocks),
      limits_(limits),
      route_(grid.blocks(), near),
      segment_running_(grid.segments()) {}

// -------------------------------------------------------------------------------------------------- what has happened

bool DeckPlanner::follow(std::size_t playhead, const PlaybackPosition::Loop& loop) noexcept {
  const bool other_order = route_.follow(playhead, loop);
  if (other_order) settled_ = false;
  return other_order;
}

void DeckPlanner::set_cues(const std::vector<std::size_t>& frames) {
  if (frames.size() > 1024) throw Error(Status::invalid_argument, "at most 1024 cues are supported");
  std::vector<std::size_t> blocks;
  for (const std::size_t frame : frames) {
    if (frame >= grid_.frames()) {
      throw Error(Status::invalid_argument, "a cue at frame " + std::to_string(frame) + " lies beyond the track's " +
                                                std::to_string(grid_.frames()) + " frames");
    }
    blocks.push_back(frame / grid_.block_frames());
  }
  route_.set_cues(blocks);
  settled_ = false;
}

void DeckPlanner::begin(const DeckJob& job) noexcept {
  settled_ = false;
  ++running_jobs_;
  if (job.kind == DeckJob::Kind::measure) measuring_ = true;
  if (job.kind == DeckJob::Kind::provisional) provisional_running_ = true;
  if (job.kind == DeckJob::Kind::segment) {
    segment_running_[job.index] = 1;
    ++running_segments_;
  }
}

void DeckPlanner::end(const DeckJob& job) noexcept {
  settled_ = false;
  --running_jobs_;
  if (job.kind == DeckJob::Kind::measure) measuring_ = false;
  if (job.kind == DeckJob::Kind::provisional) provisional_running_ = false;
  if (job.kind == DeckJob::Kind::segment) {
    segment_running_[job.index] = 0;
    --running_segments_;
  }
}

void DeckPlanner::begin(const DiskJob& job) noexcept {
  settled_ = false;
  disk_ = job;
}

void DeckPlanner::end(const DiskJob&) noexcept {
  settled_ = false;
  disk_.reset();
}

// ------------------------------------------------------------------------------------------------------ what to
// compute

std::optional<DeckJob> DeckPlanner::next(const BlockTable& table, std::size_t provisional_ahead) noexcept {
  if (settled_) return std::nullopt;
  auto job = next_provisional(table, provisional_ahead);
  if (!job) job = next_final(table);
  settled_ = !job && !next_disk(table);
  return job;
}

std::optional<DeckJob> DeckPlanner::next_provisional(const BlockTable& table,
                                                     std::size_t provisional_ahead) const noexcept {
  if (window_blocks_ == 0 || provisional_running_) return std::nullopt;
  const std::size_t ranks = std::min(provisional_ahead / grid_.block_frames(), route_.size());
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::size_t block = route_[rank];
    if (!table.blocks[block].readable()) {
      return DeckJob{DeckJob::Kind::provisional, block, rank * grid_.block_frames(), rank};
    }
  }
  return std::nullopt;
}

/// The first block on the route that can be computed says which job; the first that cannot be read, how soon.
std::optional<DeckJob> DeckPlanner::next_final(const BlockTable& table) const noexcept {
  if ((measuring_ && !measured_) || must_wait_for_disk(table, limits_.segment_blocks)) return std::nullopt;
  const std::size_t ranks = table.spills ? route_.size() : std::min(limits_.final_blocks, route_.size());
  std::optional<DeckJob> job;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const BlockStatus& status = table.blocks[route_[rank]];
    if (status.finished() || status.finishing) continue;
    if (!job) job = job_for(rank, table);
    if (job && !status.readable()) {
      job->deadline = rank * grid_.block_frames();
      return job;
    }
  }
  if (job) job->deadline = route_.size() * grid_.block_frames();
  return job;
}

std::optional<DeckJob> DeckPlanner::job_for(std::size_t rank, const BlockTable& table) const noexcept {
  if (!measured_) return DeckJob{DeckJob::Kind::measure, 0, 0, rank};
  const auto segment = missing_segment(route_[rank], table);
  if (!segment) return std::nullopt;
  return DeckJob{DeckJob::Kind::segment, *segment, 0, rank};
}

/// The first segment that the block lacks and nobody is computing.
std::optional<std::size_t> DeckPlanner::missing_segment(std::size_t block, const BlockTable& table) const noexcept {
  const auto [first, end] = grid_.segments_of(block);
  for (std::size_t segment = first; segment < end; ++segment) {
    if (!segment_running_[segment] && !table.blocks[block].has_part(segment)) return segment;
  }
  return std::nullopt;
}

std::size_t DeckPlanner::deadline(const DeckJob& job, const BlockTable& table) const noexcept {
  if (!job.computes()) return 0;
  const bool provisional = job.kind == DeckJob::Kind::provisional;
  const auto [first, end] = provisional
                                ? BlockGrid::Range{job.index, std::min(job.index + window_blocks_, grid_.blocks())}
                                : grid_.blocks_of(job.index);
  // Where the job is of use, and where the deck runs dry: the later of them, as when the job was chosen.
  std::size_t use = route_.size();
  for (std::size_t block = first; block < end; ++block) {
    const BlockStatus& status = table.blocks[block];
    if (provisional ? !status.readable() : !status.finished()) use = std::min(use, route_.rank(block));
  }
  std::size_t dry = 0;
  while (dry < route_.size() && !needs_stems(table.blocks[route_[dry]])) ++dry;
  return std::max(use, dry) * grid_.block_frames();
}

/// In the gaps between final stems; and one block more wherever final stems end and begin, for the fade.
bool DeckPlanner::wants_provisional(std::size_t block, std::size_t first, const BlockTable& table) noexcept {
  const bool final = table.blocks[block].final;
  if (block < first) return final;
  return !final || (block > 0 && !table.blocks[block - 1].final);
}

// ----------------------------------------------------------------------------------- what goes, to the disk or
// altogether

/// Whether so many more final blocks in memory, besides those being computed or loaded, would be too many.
bool DeckPlanner::must_wait_for_disk(const BlockTable& table, std::size_t more_blocks) const noexcept {
  if (!table.spills) return false;
  const std::size_t coming = running_segments_ * limits_.segment_blocks + (disk_ && disk_->kind == DiskJob::Kind::load);
  return table.final_blocks + coming + more_blocks > limits_.final_blocks + limits_.unwritten_blocks;
}

/// Of the final blocks that are too many, the last one that `goes`.
template <typename Goes>
std::optional<std::size_t> DeckPlanner::last_surplus(const BlockTable& table, const Goes& goes) const noexcept {
  std::size_t left = table.final_blocks;
  if (left <= limits_.final_blocks) return std::nullopt;
  return last_of(route_, table, [&](std::size_t, const BlockStatus& status) {
    if (left <= limits_.final_blocks || !status.final) return false;
    --left;
    return goes(status);
  });
}

std::optional<DiskJob> DeckPlanner::next_disk(const BlockTable& table) const noexcept {
  if (!table.spills || disk_) return std::nullopt;
  if (!must_wait_for_disk(table, 1)) {
    for (std::size_t rank = 0; rank < std::min(limits_.final_blocks, route_.size()); ++rank) {
      const BlockStatus& status = table.blocks[route_[rank]];
      if (status.spilled && !status.final) return DiskJob{DiskJob::Kind::load, route_[rank]};
    }
  }
  const auto block = last_surplus(table, [](const BlockStatus& status) { return !status.spilled; });
  if (!block) return std::nullopt;
  return DiskJob{DiskJob::Kind::spill, *block};
}

std::optional<Surplus> DeckPlanner::surplus(const BlockTable& table) const noexcept {
  if (table.part_bytes > limits_.part_bytes) {
    const auto block = last_of(route_, table, [](std::size_t, const BlockStatus& s) { return !s.parts.empty(); });
    if (block) return Surplus{Surplus::Kind::parts, *block};
  }
  if (table.provisional_blocks > 0) {
    const bool too_many = table.provisional_blocks > limits_.provisional_blocks;
    const auto block = last_of(route_, table, [&](std::size_t rank, const BlockStatus& status) {
      return status.provisional && (too_many || (rank >= min_stay && fade_is_over(route_[rank], table)));
    });
    if (block) return Surplus{Surplus::Kind::provisional, *block};
  }
  const auto block = last_surplus(table, [&](const BlockStatus& s) { return s.spilled || !table.spills; });
  if (block) return Surplus{Surplus::Kind::final, *block};
  return std::nullopt;
}

/// Whether the block lies amid final stems, so that nobody fades from or to provisional ones there.
bool DeckPlanner::fade_is_over(std::size_t block, const BlockTable& table) const noexcept {
  const auto final = [&](std::size_t other) { return table.blocks[other].final; };
  return final(block) && (block == 0 || final(block - 1)) && (block + 1 == grid_.blocks() || final(block + 1));
}

}  // namespace demucs_ort
