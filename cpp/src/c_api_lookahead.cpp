#include "demucs_ort/c_api_lookahead.h"

#include <utility>

#include "c_api_support.hpp"
#include "demucs_ort/lookahead.hpp"

using namespace demucs_ort;
using namespace demucs_ort::c_api;

struct demucs_ort_lookahead_workers {
  LookaheadWorkers workers;
};

struct demucs_ort_lookahead {
  Lookahead deck;
};

namespace {

// The sizes of the structs in the first release. Fields added later lie behind these.
constexpr std::size_t first_workers_options = sizeof(demucs_ort_lookahead_workers_options);
constexpr std::size_t first_options = sizeof(demucs_ort_lookahead_options);
constexpr std::size_t first_state = sizeof(demucs_ort_lookahead_state);

LookaheadWorkersOptions convert_workers(const demucs_ort_lookahead_workers_options* given) {
  LookaheadWorkersOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_workers_options);
  if (known.provisional != nullptr) options.provisional = known.provisional->model;
  options.workers = known.workers;
  options.warm = known.warm != 0;
  options.preempt = known.preempt != 0;
  options.low_priority = known.low_priority != 0;
  return options;
}

LookaheadOptions convert_deck(const demucs_ort_lookahead_options* given) {
  LookaheadOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_options);
  options.separator = convert(known.separator);
  options.cache_mb = known.cache_mb;
  options.crossfade_frames = known.crossfade_frames;
  options.spill_folder = path(known.spill_folder);
  if (known.storage != DEMUCS_ORT_STORAGE_EXACT && known.storage != DEMUCS_ORT_STORAGE_COMPACT) {
    throw Error(Status::invalid_argument, "there is no storage " + std::to_string(known.storage));
  }
  options.storage = known.storage == DEMUCS_ORT_STORAGE_EXACT ? StemStorage::exact : StemStorage::compact;
  return options;
}

std::int32_t number(LookaheadStage stage) {
  switch (stage) {
    case LookaheadStage::measuring:
      return DEMUCS_ORT_DECK_MEASURING;
    case LookaheadStage::separating:
      return DEMUCS_ORT_DECK_SEPARATING;
    case LookaheadStage::done:
      return DEMUCS_ORT_DECK_DONE;
    case LookaheadStage::failed:
      break;
  }
  return DEMUCS_ORT_DECK_FAILED;
}

}  // namespace

demucs_ort_status demucs_ort_lookahead_workers_options_init(demucs_ort_lookahead_workers_options* options,
                                                            size_t struct_size) {
  return guarded([&] {
    require(options, "options");
    const LookaheadWorkersOptions defaults;
    demucs_ort_lookahead_workers_options known{};
    known.workers = defaults.workers;
    known.warm = defaults.warm ? 1 : 0;
    known.preempt = defaults.preempt ? 1 : 0;
    known.low_priority = defaults.low_priority ? 1 : 0;
    fill(options, known, struct_size, first_workers_options);
  });
}

demucs_ort_status demucs_ort_lookahead_workers_create(const demucs_ort_model* model,
                                                      const demucs_ort_lookahead_workers_options* options,
                                                      demucs_ort_lookahead_workers** workers) {
  return guarded([&] {
    require(model, "model");
    require(workers, "workers");
    *workers = new demucs_ort_lookahead_workers{LookaheadWorkers(model->model, convert_workers(options))};
  });
}

void demucs_ort_lookahead_workers_free(demucs_ort_lookahead_workers* workers) { delete workers; }

int32_t demucs_ort_lookahead_workers_warm(const demucs_ort_lookahead_workers* workers) {
  return workers != nullptr && workers->workers.warm() ? 1 : 0;
}

uint64_t demucs_ort_lookahead_workers_preempted(const demucs_ort_lookahead_workers* workers) {
  return workers == nullptr ? 0 : workers->workers.preempted();
}

demucs_ort_status demucs_ort_lookahead_options_init(demucs_ort_lookahead_options* options, size_t struct_size) {
  return guarded([&] {
    require(options, "options");
    const LookaheadOptions defaults;
    demucs_ort_lookahead_options known{};
    known.cache_mb = defaults.cache_mb;
    known.crossfade_frames = defaults.crossfade_frames;
    fill(options, known, struct_size, first_options);
  });
}

demucs_ort_status demucs_ort_lookahead_create(demucs_ort_lookahead_workers* workers, demucs_ort_read_callback read,
                                              void* user_data, size_t frames,
                                              const demucs_ort_lookahead_options* options,
                                              demucs_ort_lookahead** lookahead) {
  return guarded([&] {
    require(workers, "workers");
    require(lookahead, "lookahead");
    if (read == nullptr) throw Error(Status::invalid_argument, "the read callback is needed");
    const auto on_read = [read, user_data](std::size_t first, std::size_t wanted, float* const* channels) {
      std::size_t delivered = 0;
      if (const auto code = read(user_data, first, wanted, channels, &delivered); code != 0) {
        throw CallbackFailed("read", code);
      }
      return delivered;
    };
    *lookahead = new demucs_ort_lookahead{Lookahead(workers->workers, on_read, frames, convert_deck(options))};
  });
}

void demucs_ort_lookahead_free(demucs_ort_lookahead* lookahead) { delete lookahead; }

size_t demucs_ort_lookahead_stem_count(const demucs_ort_lookahead* lookahead) {
  return lookahead == nullptr ? 0 : lookahead->deck.stems().size();
}

const char* demucs_ort_lookahead_stem_name(const demucs_ort_lookahead* lookahead, size_t index) {
  return index < demucs_ort_lookahead_stem_count(lookahead) ? lookahead->deck.stems()[index].c_str() : nullptr;
}

void demucs_ort_lookahead_set_playhead(demucs_ort_lookahead* lookahead, size_t frame) {
  if (lookahead != nullptr) lookahead->deck.set_playhead(frame);
}

void demucs_ort_lookahead_set_loop(demucs_ort_lookahead* lookahead, size_t first, size_t end) {
  if (lookahead != nullptr) lookahead->deck.set_loop(first, end);
}

demucs_ort_status demucs_ort_lookahead_set_cues(demucs_ort_lookahead* lookahead, const size_t* frames, size_t count) {
  return guarded([&] {
    require(lookahead, "lookahead");
    if (count > 0) require_list(frames, count, "frames");
    lookahead->deck.set_cues(count == 0 ? std::vector<std::size_t>()
                                        : std::vector<std::size_t>(frames, frames + count));
  });
}

size_t demucs_ort_lookahead_read(demucs_ort_lookahead* lookahead, size_t frame, size_t frames,
                                 float* const* const* stems, int32_t* quality) {
  LookaheadRead got;
  if (lookahead != nullptr && stems != nullptr) got = lookahead->deck.read(frame, frames, stems);
  if (quality != nullptr) {
    *quality = got.quality == StemQuality::final         ? DEMUCS_ORT_QUALITY_FINAL
               : got.quality == StemQuality::provisional ? DEMUCS_ORT_QUALITY_PROVISIONAL
                                                         : DEMUCS_ORT_QUALITY_NONE;
  }
  return got.frames;
}

demucs_ort_status demucs_ort_lookahead_get_state(const demucs_ort_lookahead* lookahead,
                                                 demucs_ort_lookahead_state* state) {
  return guarded([&] {
    require(lookahead, "lookahead");
    require(state, "state");
    const LookaheadState now = lookahead->deck.state();
    demucs_ort_lookahead_state known{};
    known.stage = number(now.stage);
    known.error = now.error ? static_cast<demucs_ort_status>(*now.error) : DEMUCS_ORT_OK;
    known.fraction = now.fraction;
    known.ready_frames = now.ready_frames;
    known.final_frames = now.final_frames;
    known.cached_bytes = now.cached_bytes;
    known.spilled_bytes = now.spilled_bytes;
    known.segments = now.segments;
    known.provisional = now.provisional;
    copy_text(now.message, known.message);
    fill(state, known, state->struct_size, first_state);
  });
}
