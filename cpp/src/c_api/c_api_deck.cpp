#include "demucs_ort/c_api_deck.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "c_api/c_api_support.hpp"
#include "demucs_ort/c_api.h"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"

using namespace demucs_ort;
using namespace demucs_ort::c_api;

struct demucs_ort_deck_pool {
  DeckPool pool;
};

struct demucs_ort_deck {
  Deck deck;
};

namespace {

constexpr std::size_t first_pool_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_deck_pool_options, low_priority);
constexpr std::size_t first_deck_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_deck_options, storage);
constexpr std::size_t first_deck_state = DEMUCS_ORT_FIRST_SIZE(demucs_ort_deck_state, message);
static_assert(never_changes(first_pool_options, 32) && never_changes(first_deck_options, 48) &&
              never_changes(first_deck_state, 584));

DeckPoolOptions convert_pool(const demucs_ort_deck_pool_options* given) {
  DeckPoolOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_pool_options);
  if (known.provisional != nullptr) options.provisional = known.provisional->model;
  options.workers = known.workers;
  options.warm = known.warm != 0;
  options.preempt = known.preempt != 0;
  options.low_priority = known.low_priority != 0;
  return options;
}

DeckOptions convert_deck(const demucs_ort_deck_options* given) {
  DeckOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_deck_options);
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

std::int32_t number(DeckStage stage) {
  switch (stage) {
    case DeckStage::measuring:
      return DEMUCS_ORT_DECK_MEASURING;
    case DeckStage::separating:
      return DEMUCS_ORT_DECK_SEPARATING;
    case DeckStage::done:
      return DEMUCS_ORT_DECK_DONE;
    case DeckStage::failed:
      break;
  }
  return DEMUCS_ORT_DECK_FAILED;
}

}  // namespace

demucs_ort_status demucs_ort_deck_pool_options_init(demucs_ort_deck_pool_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    const DeckPoolOptions defaults;
    demucs_ort_deck_pool_options known{};
    known.workers = defaults.workers;
    known.warm = defaults.warm ? 1 : 0;
    known.preempt = defaults.preempt ? 1 : 0;
    known.low_priority = defaults.low_priority ? 1 : 0;
    fill(options, known, struct_size, first_pool_options);
  });
}

demucs_ort_status demucs_ort_deck_pool_create(const demucs_ort_model* model,
                                              const demucs_ort_deck_pool_options* options,
                                              demucs_ort_deck_pool** pool) {
  return status_of([&] {
    require(model, "model");
    require(pool, "pool");
    *pool = new demucs_ort_deck_pool{DeckPool(model->model, convert_pool(options))};
  });
}

void demucs_ort_deck_pool_free(demucs_ort_deck_pool* pool) { delete pool; }

int32_t demucs_ort_deck_pool_warm(const demucs_ort_deck_pool* pool) {
  return pool != nullptr && pool->pool.warm() ? 1 : 0;
}

uint64_t demucs_ort_deck_pool_preempted(const demucs_ort_deck_pool* pool) {
  return pool == nullptr ? 0 : pool->pool.preempted();
}

demucs_ort_status demucs_ort_deck_options_init(demucs_ort_deck_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    const DeckOptions defaults;
    demucs_ort_deck_options known{};
    known.cache_mb = defaults.cache_mb;
    known.crossfade_frames = defaults.crossfade_frames;
    fill(options, known, struct_size, first_deck_options);
  });
}

demucs_ort_status demucs_ort_deck_create(demucs_ort_deck_pool* pool, demucs_ort_read_callback read, void* user_data,
                                         size_t frames, const demucs_ort_deck_options* options,
                                         demucs_ort_deck** deck) {
  return status_of([&] {
    require(pool, "pool");
    require(deck, "deck");
    if (read == nullptr) throw Error(Status::invalid_argument, "the read callback is needed");
    const auto on_read = [read, user_data](std::size_t first, std::size_t wanted, float* const* channels) {
      std::size_t delivered = 0;
      if (const auto code = read(user_data, first, wanted, channels, &delivered); code != 0) {
        throw CallbackFailed("read", code);
      }
      return delivered;
    };
    *deck = new demucs_ort_deck{Deck(pool->pool, on_read, frames, convert_deck(options))};
  });
}

void demucs_ort_deck_free(demucs_ort_deck* deck) { delete deck; }

size_t demucs_ort_deck_stem_count(const demucs_ort_deck* deck) {
  return deck == nullptr ? 0 : deck->deck.stems().size();
}

const char* demucs_ort_deck_stem_name(const demucs_ort_deck* deck, size_t index) {
  return index < demucs_ort_deck_stem_count(deck) ? deck->deck.stems()[index].c_str() : nullptr;
}

size_t demucs_ort_deck_frames(const demucs_ort_deck* deck) { return deck == nullptr ? 0 : deck->deck.frames(); }

void demucs_ort_deck_set_playhead(demucs_ort_deck* deck, size_t frame) {
  if (deck != nullptr) deck->deck.set_playhead(frame);
}

void demucs_ort_deck_set_loop(demucs_ort_deck* deck, size_t first, size_t end) {
  if (deck != nullptr) deck->deck.set_loop(first, end);
}

demucs_ort_status demucs_ort_deck_set_cues(demucs_ort_deck* deck, const size_t* frames, size_t count) {
  return status_of([&] {
    require(deck, "deck");
    if (count > 0) require_list(frames, count, "frames");
    deck->deck.set_cues(count == 0 ? std::vector<std::size_t>() : std::vector<std::size_t>(frames, frames + count));
  });
}

size_t demucs_ort_deck_read(demucs_ort_deck* deck, size_t frame, size_t frames, float* const* const* stems,
                            int32_t* quality) {
  return demucs_ort_deck_read_strided(deck, frame, frames, stems, 1, quality);
}

size_t demucs_ort_deck_read_strided(demucs_ort_deck* deck, size_t frame, size_t frames, float* const* const* stems,
                                    size_t stride, int32_t* quality) {
  DeckRead got;
  if (deck != nullptr && stems != nullptr) got = deck->deck.read(frame, frames, stems, stride);
  if (quality != nullptr) {
    *quality = got.quality == StemQuality::final         ? DEMUCS_ORT_QUALITY_FINAL
               : got.quality == StemQuality::provisional ? DEMUCS_ORT_QUALITY_PROVISIONAL
                                                         : DEMUCS_ORT_QUALITY_NONE;
  }
  return got.frames;
}

demucs_ort_status demucs_ort_deck_get_state(const demucs_ort_deck* deck, demucs_ort_deck_state* state) {
  return status_of([&] {
    require(deck, "deck");
    require(state, "state");
    const DeckState now = deck->deck.state();
    demucs_ort_deck_state known{};
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
    fill(state, known, state->struct_size, first_deck_state);
  });
}
