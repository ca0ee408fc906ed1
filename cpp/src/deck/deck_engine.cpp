#include "deck/deck_engine.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "base/cancel_state.hpp"

namespace demucs_ort {
namespace {

constexpr std::size_t max_block = 8192;  // frames; what one step of the cache, and of `read`, holds
constexpr std::size_t windows_measured_at_once = 8;
constexpr std::size_t min_stay = 4;  // blocks that keep provisional stems below final ones, for the fade

/// Short enough that the window of either model is many blocks.
std::size_t choose_block_frames(const ModelInfo& info, std::size_t window_frames) {
  const std::size_t shorter = window_frames == 0 ? info.segment_frames : window_frames;
  return std::clamp<std::size_t>(std::bit_floor(shorter / 8), 1, max_block);
}

std::size_t checked_frames(std::size_t frames) {
  if (frames == 0) throw Error(Status::bad_audio, "the track is empty; there is nothing to separate");
  constexpr std::size_t most = std::size_t{1} << 40U;
  if (frames > most)
    throw Error(Status::invalid_argument, "a track of " + std::to_string(frames) + " frames is absurd");
  return frames;
}

/// Frames at the end of a provisional window that are only heard: the model guesses worse where it hears one side.
std::size_t margin_of(std::size_t window_frames) { return window_frames / 20; }

}  // namespace

DeckBuffers::DeckBuffers(std::shared_ptr<const Model> model_in)
    : model(std::move(model_in)),
      window(model->info().channels, model->info().segment_frames),
      stems(model->info().sources.size() * model->info().channels * model->info().segment_frames) {}

DeckEngine::DeckEngine(std::mutex& lock, const ModelInfo& info, const ModelInfo* provisional, unsigned workers,
                       Read read, std::size_t frames, const DeckOptions& options)
    : lock_(lock),
      info_(info),
      window_frames_(provisional == nullptr ? 0 : provisional->segment_frames),
      mixing_(info, options.separator),
      options_(options),
      read_(std::move(read)),
      frames_(checked_frames(frames)),
      block_frames_(choose_block_frames(info, window_frames_)),
      plan_(frames_, info.segment_frames, SegmentSpacing(info, options.separator)),
      position_(frames_, block_frames_),
      route_((frames_ + block_frames_ - 1) / block_frames_, info.segment_frames / block_frames_),
      cache_(mixing_.outputs().size() * info.channels, frames_, block_frames_, options.crossfade_frames),
      spilled_(cache_.blocks()),
      busy_(cache_.blocks()),
      parts_(cache_.blocks()),
      segment_running_(plan_.segments().size()),
      fade_frames_(std::clamp<std::size_t>(options.crossfade_frames, 1, block_frames_)) {
  if (!read_) throw Error(Status::invalid_argument, "a Deck needs a read callback");
  std::size_t deepest = 0;
  const auto& segments = plan_.segments();
  Range range{0, 0};
  for (std::size_t block = 0; block < cache_.blocks(); ++block) {
    const auto start = static_cast<std::ptrdiff_t>(block_start(block));
    const auto end = start + static_cast<std::ptrdiff_t>(frames_of(block));
    // Both starts and ends of the plan's segments ascend.
    while (segments[range.first].start + static_cast<std::ptrdiff_t>(segments[range.first].frames) <= start) {
      ++range.first;
    }
    while (range.end < segments.size() && segments[range.end].start < end) ++range.end;
    segments_of_.push_back(range);
    deepest = std::max(deepest, range.end - range.first);
  }

  // The budget: parts of as many segments as one block can need, with some in flight; provisional stems for two windows
  // of the model; finished stems for the rest.
  const std::size_t rows = mixing_.outputs().size() * info_.channels;
  const std::size_t block_bytes = StemBlock::size(rows, block_frames_, options_.storage);
  const std::size_t segment_blocks = info_.segment_frames / block_frames_ + 2;
  const std::size_t part_bytes = info_.sources.size() * info_.channels * block_frames_ * sizeof(float);
  part_limit_ = (deepest + workers) * segment_blocks * part_bytes;
  provisional_limit_ = window_frames_ == 0 ? 0 : 2 * segment_blocks;
  const std::size_t fixed = part_limit_ + provisional_limit_ * block_bytes;
  const std::size_t least = fixed + std::min(2 * segment_blocks, cache_.blocks()) * block_bytes;
  constexpr std::size_t mebibyte = std::size_t{1} << 20U;
  if (options_.cache_mb > std::numeric_limits<std::size_t>::max() / mebibyte || options_.cache_mb * mebibyte < least) {
    throw Error(Status::invalid_argument, "a cache_mb of " + std::to_string(options_.cache_mb) +
                                              " cannot work here; give at least " +
                                              std::to_string((least + mebibyte - 1) / mebibyte));
  }
  final_limit_ = (options_.cache_mb * mebibyte - fixed) / block_bytes;
  if (!options_.spill_folder.empty()) spill_ = std::make_unique<SpillFile>(options_.spill_folder, block_bytes);
}

void DeckEngine::set_cues(const std::vector<std::size_t>& frames) {
  if (frames.size() > 1024) throw Error(Status::invalid_argument, "at most 1024 cues are supported");
  std::vector<std::size_t> blocks;
  for (const std::size_t frame : frames) {
    if (frame >= frames_) {
      throw Error(Status::invalid_argument, "a cue at frame " + std::to_string(frame) + " lies beyond the track's " +
                                                std::to_string(frames_) + " frames");
    }
    blocks.push_back(frame / block_frames_);
  }
  route_.set_cues(blocks);
  settled_ = false;
  trim();
}

void DeckEngine::fail(Status status, const std::string& message) {
  if (progress_.error) return;
  progress_.error = status;
  progress_.message = message;
}

DeckState DeckEngine::state() const {
  DeckState state = progress_;
  const std::size_t rows = mixing_.outputs().size() * info_.channels;
  const std::size_t block_bytes = StemBlock::size(rows, block_frames_, options_.storage);
  state.fraction = static_cast<double>(finished_) / static_cast<double>(cache_.blocks());
  state.cached_bytes =
      (cache_.count(StemCache::final) + cache_.count(StemCache::provisional)) * block_bytes + part_bytes_;
  state.spilled_bytes = static_cast<std::size_t>(std::count(spilled_.begin(), spilled_.end(), 1)) * block_bytes;
  const std::size_t playhead = position_.playhead();
  const auto until = [&](const auto& there) {
    std::size_t block = playhead / block_frames_;
    while (block < cache_.blocks() && there(block)) ++block;
    const std::size_t end = std::min(block_start(block), frames_);
    return end > playhead ? end - playhead : 0;
  };
  state.ready_frames = until([&](std::size_t block) { return ready(block); });
  state.final_frames = until([&](std::size_t block) { return cache_.has(block, StemCache::final); });
  const bool running = provisional_running_ || measuring_ ||
                       std::count(segment_running_.begin(), segment_running_.end(), 1) > 0 ||
                       std::count(busy_.begin(), busy_.end(), 1) > 0;
  state.stage = state.error            ? DeckStage::failed
                : !measured_           ? DeckStage::measuring
                : settled_ && !running ? DeckStage::done
                                       : DeckStage::separating;
  return state;
}

// ------------------------------------------------------------------------------------------------------- planning

bool DeckEngine::ready(std::size_t block) const noexcept {
  return cache_.has(block, StemCache::final) || cache_.has(block, StemCache::provisional);
}

bool DeckEngine::has_part(std::size_t block, std::size_t segment) const {
  return std::any_of(parts_[block].begin(), parts_[block].end(),
                     [&](const Part& part) { return part.segment == segment; });
}

/// The first segment that the block lacks and nobody is computing.
std::optional<std::size_t> DeckEngine::missing_segment(std::size_t block) const {
  for (std::size_t segment = segments_of_[block].first; segment < segments_of_[block].end; ++segment) {
    if (!segment_running_[segment] && !has_part(block, segment)) return segment;
  }
  return std::nullopt;
}

std::optional<DeckJob> DeckEngine::next(std::size_t provisional_ahead) {
  if (progress_.error) return std::nullopt;
  if (route_.follow(position_.playhead() / block_frames_, position_.loop())) settled_ = false;
  if (settled_) return std::nullopt;
  auto job = next_provisional(provisional_ahead);
  if (!job) job = next_final();
  settled_ = !job;
  return job;
}

std::optional<DeckJob> DeckEngine::next_provisional(std::size_t provisional_ahead) const {
  if (window_frames_ == 0 || provisional_running_) return std::nullopt;
  const std::size_t ranks = std::min(provisional_ahead / block_frames_, route_.size());
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    if (!ready(route_[rank])) return DeckJob{DeckJob::Kind::provisional, route_[rank], rank * block_frames_, rank};
  }
  return std::nullopt;
}

std::optional<DeckJob> DeckEngine::next_final() const {
  const std::size_t ranks = spill_ ? route_.size() : std::min(final_limit_, route_.size());
  std::optional<DeckJob> job;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::size_t block = route_[rank];
    if (cache_.has(block, StemCache::final) || busy_[block]) continue;
    if (!job) {
      if (spilled_[block]) {
        if (rank < final_limit_) job = DeckJob{DeckJob::Kind::load, block, 0, rank};
      } else if (!measured_) {
        if (measuring_) return std::nullopt;
        job = DeckJob{DeckJob::Kind::measure, 0, 0, rank};
      } else if (const auto segment = missing_segment(block)) {
        job = DeckJob{DeckJob::Kind::segment, *segment, 0, rank};
      }
    }
    const bool dry = !ready(block) && !(spilled_[block] && rank >= final_limit_);
    if (job && dry) {
      job->deadline = rank * block_frames_;
      return job;
    }
  }
  if (job) job->deadline = route_.size() * block_frames_;
  return job;
}

std::size_t DeckEngine::deadline(const DeckJob& job) const {
  const bool provisional = job.kind == DeckJob::Kind::provisional;
  if (!provisional && job.kind != DeckJob::Kind::segment) return 0;
  const std::size_t first = provisional ? job.index : first_block(job.index);
  const std::size_t end = provisional ? std::min(job.index + window_frames_ / block_frames_, cache_.blocks())  //
                                      : end_block(job.index);
  // Where the job is of use, and where the deck runs dry: the later of them, as when the job was chosen.
  std::size_t use = route_.size();
  for (std::size_t block = first; block < end; ++block) {
    if (provisional ? !ready(block) : !finished(block)) use = std::min(use, route_.rank(block));
  }
  std::size_t dry = 0;
  while (dry < route_.size() && ready(route_[dry])) ++dry;
  return std::max(use, dry) * block_frames_;
}

void DeckEngine::begin(const DeckJob& job) {
  settled_ = false;
  switch (job.kind) {
    case DeckJob::Kind::measure:
      measuring_ = true;
      break;
    case DeckJob::Kind::load:
      busy_[job.index] = 1;
      break;
    case DeckJob::Kind::provisional:
      provisional_running_ = job.index;
      break;
    case DeckJob::Kind::segment:
      segment_running_[job.index] = 1;
      break;
  }
}

void DeckEngine::end(const DeckJob& job) {
  settled_ = false;
  switch (job.kind) {
    case DeckJob::Kind::measure:
      measuring_ = false;
      break;
    case DeckJob::Kind::load:
      busy_[job.index] = 0;
      break;
    case DeckJob::Kind::provisional:
      provisional_running_.reset();
      break;
    case DeckJob::Kind::segment:
      segment_running_[job.index] = 0;
      break;
  }
}

/// Keeps every kind of memory within its share, at the expense of what the playhead would reach last.
void DeckEngine::trim() {
  trim_parts();
  trim_provisional();
  trim_final();
}

void DeckEngine::trim_parts() {
  for (std::size_t rank = route_.size(); part_bytes_ > part_limit_ && rank-- > 0;) {
    for (const Part& part : parts_[route_[rank]]) part_bytes_ -= part.rows.size() * sizeof(float);
    parts_[route_[rank]].clear();
  }
}

void DeckEngine::trim_provisional() {
  for (std::size_t rank = route_.size(); cache_.count(StemCache::provisional) > 0 && rank-- > 0;) {
    const std::size_t block = route_[rank];
    if (!cache_.has(block, StemCache::provisional)) continue;
    // Final stems begin or end here, or the playhead is here: there is a fade to come.
    const bool at_edge = (block > 0 && !cache_.has(block - 1, StemCache::final)) ||
                         (block + 1 < cache_.blocks() && !cache_.has(block + 1, StemCache::final));
    const bool replaced = cache_.has(block, StemCache::final) && !at_edge && rank >= min_stay;
    if (replaced || cache_.count(StemCache::provisional) > provisional_limit_) {
      cache_.retire(block, cache_.take(block, StemCache::provisional));
    }
  }
}

void DeckEngine::trim_final() {
  for (std::size_t rank = route_.size(); cache_.count(StemCache::final) > final_limit_ && rank-- > 0;) {
    const std::size_t block = route_[rank];
    auto stems = cache_.take(block, StemCache::final);
    if (!stems) continue;
    if (!spilled_[block]) --finished_;
    if (spill_ && !spilled_[block]) spill(block, *stems);
    cache_.retire(block, std::move(stems));
  }
}

void DeckEngine::spill(std::size_t block, const StemBlock& stems) {
  try {
    stems.save(*spill_, block);
    spilled_[block] = 1;
    ++finished_;
  } catch (const Error& failure) {
    stop_spilling(failure);
  }
}

void DeckEngine::stop_spilling(const Error& failure) {
  progress_.message = std::string(failure.what()) + "; stems that do not fit the cache are computed again";
  spill_.reset();
  for (std::size_t block = 0; block < spilled_.size(); ++block) {
    if (spilled_[block] && !cache_.has(block, StemCache::final)) --finished_;
    spilled_[block] = 0;
  }
}

// ------------------------------------------------------------------------------------------------------ computing

void DeckEngine::perform(const DeckJob& job, DeckBuffers& main, DeckBuffers* provisional, const CancelToken& cancel) {
  switch (job.kind) {
    case DeckJob::Kind::measure:
      return measure(main.window, cancel);
    case DeckJob::Kind::load:
      return load(job.index);
    case DeckJob::Kind::provisional:
      return compute_provisional(job, *provisional, cancel);
    case DeckJob::Kind::segment:
      return compute_segment(job, main, cancel);
  }
}

std::size_t DeckEngine::pull(std::size_t first, std::size_t frames, float* const* channels, const CancelToken& cancel) {
  const std::size_t wanted = std::min(frames, frames_ - first);
  if (wanted == 0) return 0;
  const std::lock_guard one_at_a_time(reading_);
  throw_if_cancelled(cancel);
  const std::size_t got = read_(first, wanted, channels);
  if (got != wanted) {
    throw Error(Status::bad_audio, "the read callback delivered " + std::to_string(got) + " instead of " +
                                       std::to_string(wanted) + " frames from frame " + std::to_string(first) +
                                       " on; the track must be as long as was said");
  }
  return got;
}

Read DeckEngine::reader(const CancelToken& cancel) {
  return [this, cancel](std::size_t first, std::size_t frames, float* const* channels) {
    return pull(first, frames, channels, cancel);
  };
}

RunOptions DeckEngine::run_options(const DeckJob& job, const CancelToken& cancel) const {
  const bool soon = job.deadline < 2 * info_.segment_frames;
  return {cancel, mixing_.sources(), soon ? Priority::foreground : Priority::background};
}

void DeckEngine::measure(MixWindow& window, const CancelToken& cancel) {
  const Read read = reader(cancel);
  bool more = true;
  for (std::size_t i = 0; more && i < windows_measured_at_once; ++i) more = window.measure_next(level_, read);
  const std::lock_guard lock(lock_);
  measured_ = !more;
}

void DeckEngine::load(std::size_t block) {
  const std::lock_guard lock(lock_);
  if (!spilled_[block]) return;
  const std::size_t rows = mixing_.outputs().size() * info_.channels;
  try {
    cache_.put(block, StemCache::final,
               std::make_unique<StemBlock>(*spill_, block, rows, block_frames_, options_.storage));
  } catch (const Error& failure) {
    stop_spilling(failure);
  }
  trim();
}

DeckEngine::Clip DeckEngine::clip(std::size_t segment, std::size_t block) const {
  const Segment& whole = plan_.segments()[segment];
  const auto first = static_cast<std::ptrdiff_t>(block_start(block));
  const std::ptrdiff_t start = std::max(whole.start, first);
  const std::ptrdiff_t end = std::min(whole.start + static_cast<std::ptrdiff_t>(whole.frames),
                                      first + static_cast<std::ptrdiff_t>(frames_of(block)));
  return {start, end > start ? static_cast<std::size_t>(end - start) : 0};
}

std::size_t DeckEngine::first_block(std::size_t segment) const {
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(plan_.segments()[segment].start, 0)) / block_frames_;
}

std::size_t DeckEngine::end_block(std::size_t segment) const {
  std::size_t end = first_block(segment);
  while (end < cache_.blocks() && clip(segment, end).frames > 0) ++end;
  return end;
}

void DeckEngine::compute_segment(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel) {
  const Segment& segment = plan_.segments()[job.index];
  buffers.window.rewind(level_, segment.window);
  buffers.window.advance_to(segment.window, reader(cancel));
  buffers.model->run(buffers.window.data(), 1, buffers.stems.data(), run_options(job, cancel));

  const std::size_t first = first_block(job.index);
  const std::size_t end = end_block(job.index);
  const std::size_t playing = std::clamp(position_.playhead() / block_frames_, first, end);
  OverlapAdd sums(mixing_.outputs().size() * info_.channels, block_frames_);
  for (std::size_t block = playing; block < end; ++block) add(job.index, block, buffers, sums, cancel);
  for (std::size_t block = first; block < playing; ++block) add(job.index, block, buffers, sums, cancel);
  const std::lock_guard lock(lock_);
  ++progress_.segments;
}

/// Takes what a computed segment contributes to a block, and finishes the block if that was all it lacked.
void DeckEngine::add(std::size_t segment, std::size_t block, const DeckBuffers& buffers, OverlapAdd& sums,
                     const CancelToken& cancel) {
  const auto parts = add_part(segment, block, buffers);
  if (!parts) return;
  std::unique_ptr<const StemBlock> stems;
  try {
    stems = finish(block, *parts, sums, cancel);
  } catch (...) {
    const std::lock_guard lock(lock_);
    busy_[block] = 0;
    throw;
  }
  const std::lock_guard lock(lock_);
  busy_[block] = 0;
  cache_.put(block, StemCache::final, std::move(stems));
  ++finished_;
  settled_ = false;
  trim();
}

/// All parts of the block if it is now complete; the block is then busy.
std::optional<std::vector<DeckEngine::Part>> DeckEngine::add_part(std::size_t segment, std::size_t block,
                                                                  const DeckBuffers& buffers) {
  const std::lock_guard lock(lock_);
  if (finished(block) || busy_[block] || has_part(block, segment)) return std::nullopt;
  const auto [start, frames] = clip(segment, block);
  const float* from = buffers.stems.data() + (start - plan_.segments()[segment].window);
  Part part{segment, {}};
  part.rows.reserve(info_.sources.size() * info_.channels * frames);
  for (std::size_t row = 0; row < info_.sources.size() * info_.channels; ++row) {
    part.rows.insert(part.rows.end(), from + row * info_.segment_frames, from + row * info_.segment_frames + frames);
  }
  auto& parts = parts_[block];
  part_bytes_ += part.rows.size() * sizeof(float);
  parts.push_back(std::move(part));
  if (parts.size() < segments_of_[block].end - segments_of_[block].first) {
    trim_parts();
    return std::nullopt;
  }
  for (const Part& each : parts) part_bytes_ -= each.rows.size() * sizeof(float);
  busy_[block] = 1;
  return std::exchange(parts, {});
}

/// The block's stems: the same additions in the same order as in Separation::run, in whatever order the segments came.
std::unique_ptr<const StemBlock> DeckEngine::finish(std::size_t block, const std::vector<Part>& parts, OverlapAdd& sums,
                                                    const CancelToken& cancel) {
  sums.reset(block_start(block));
  std::vector<float> weights(block_frames_);
  for (std::size_t segment = segments_of_[block].first; segment < segments_of_[block].end; ++segment) {
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.segment == segment; });
    const auto [start, frames] = clip(segment, block);
    const Segment& whole = plan_.segments()[segment];
    plan_.blend_weights(whole, static_cast<std::size_t>(start - whole.start), frames, weights.data());
    mixing_.add(part->rows.data(), info_.channels, frames, 0, start, frames, weights.data(), sums);
  }
  MixWindow mix(info_.channels, block_frames_);
  mix.rewind(level_, static_cast<std::ptrdiff_t>(block_start(block)));
  if (mixing_.uses_mix()) mix.advance_to(static_cast<std::ptrdiff_t>(block_start(block)), reader(cancel));
  std::vector<const float*> rows;
  for (std::size_t c = 0; c < info_.channels; ++c) rows.push_back(mix.data() + c * block_frames_);
  mixing_.finish(rows, frames_of(block), level_, sums);
  return std::make_unique<StemBlock>(sums.rows(), block_frames_, options_.storage);
}

void DeckEngine::compute_provisional(const DeckJob& job, DeckBuffers& buffers, const CancelToken& cancel) {
  // The window begins before the first block, by one block at least, and hears only the track where that is long
  // enough.
  const std::size_t latest = frames_ > window_frames_ ? frames_ - window_frames_ : 0;
  const std::size_t lead = std::min(std::max(margin_of(window_frames_), block_frames_), block_start(job.index));
  const std::size_t start = std::min(block_start(job.index) - lead, latest);
  const std::size_t end = start == latest ? frames_ : start + window_frames_ - margin_of(window_frames_);

  std::vector<float> samples(info_.channels * window_frames_);
  std::vector<float*> channels;
  for (std::size_t c = 0; c < info_.channels; ++c) channels.push_back(samples.data() + c * window_frames_);
  const std::size_t heard = pull(start, window_frames_, channels.data(), cancel);
  TrackLevel level;
  level.add(channels.data(), info_.channels, heard);
  {
    const std::lock_guard lock(lock_);
    if (measured_) level = level_;
  }
  // To the window the track begins here: what it hears is already read.
  buffers.window.rewind(level, 0);
  buffers.window.advance_to(0, [&](std::size_t first, std::size_t frames, float* const* out) {
    for (std::size_t c = 0; c < info_.channels; ++c) std::copy_n(channels[c] + first, frames, out[c]);
    return frames;
  });
  buffers.model->run(buffers.window.data(), 1, buffers.stems.data(), run_options(job, cancel));
  publish_provisional(job.index, start, end, level, buffers);
}

/// Cuts a provisional window that starts at frame `start` into blocks, and those that end by `end` go to the cache.
void DeckEngine::publish_provisional(std::size_t first, std::size_t start, std::size_t end, const TrackLevel& level,
                                     const DeckBuffers& buffers) {
  OverlapAdd sums(mixing_.outputs().size() * info_.channels, block_frames_);
  const auto cut = [&](std::size_t block, std::size_t frames) {
    const std::size_t at = block_start(block) - start;
    sums.reset(block_start(block));
    mixing_.add(buffers.stems.data(), info_.channels, window_frames_, at,
                static_cast<std::ptrdiff_t>(block_start(block)), frames, std::vector<float>(frames, 1.0F).data(), sums);
    std::vector<const float*> mix;
    for (std::size_t c = 0; c < info_.channels; ++c) mix.push_back(buffers.window.data() + c * window_frames_ + at);
    mixing_.finish(mix, frames, level, sums);
  };
  // One block more before, for the fade from final stems that end there.
  std::size_t block = first > 0 && block_start(first - 1) >= start ? first - 1 : first;
  for (; block < cache_.blocks() && block_start(block) + frames_of(block) <= end; ++block) {
    cut(block, frames_of(block));
    if (block == first) fade_from_last_window(block, sums);
    auto stems = std::make_unique<StemBlock>(sums.rows(), block_frames_, options_.storage);
    const std::lock_guard lock(lock_);
    const bool final_before = block == 0 || cache_.has(block - 1, StemCache::final);
    const bool wanted =
        block < first ? cache_.has(block, StemCache::final) : !cache_.has(block, StemCache::final) || !final_before;
    if (wanted) cache_.put(block, StemCache::provisional, std::move(stems));
  }
  tail_.reset();
  if (block < cache_.blocks()) {
    const std::size_t frames = std::min(fade_frames_, std::min(start + window_frames_, frames_) - block_start(block));
    cut(block, frames);
    tail_ = Tail{block, frames, {}};
    for (const float* row : sums.rows()) tail_->rows.insert(tail_->rows.end(), row, row + frames);
  }
  const std::lock_guard lock(lock_);
  ++progress_.provisional;
  settled_ = false;
  trim();
}

/// Two windows never agree quite: the second one takes over gradually.
void DeckEngine::fade_from_last_window(std::size_t block, OverlapAdd& sums) {
  if (!tail_ || tail_->block != block) return;
  for (std::size_t row = 0; row < sums.rows().size(); ++row) {
    const float* before = tail_->rows.data() + row * tail_->frames;
    float* now = sums.rows()[row];
    for (std::size_t i = 0; i < tail_->frames; ++i) {
      const float share = static_cast<float>(i + 1) / static_cast<float>(tail_->frames + 1);
      now[i] = before[i] + (now[i] - before[i]) * share;
    }
  }
}

}  // namespace demucs_ort
