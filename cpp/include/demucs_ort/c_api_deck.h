#ifndef DEMUCS_ORT_C_API_DECK_H
#define DEMUCS_ORT_C_API_DECK_H

/*
 * Decks for C: the stems of a loaded track while it plays. Example (`read_track` and `report` are functions of yours):
 *
 *     demucs_ort_deck_pool* pool = NULL;
 *     demucs_ort_deck* deck = NULL;
 *     int32_t quality = DEMUCS_ORT_QUALITY_NONE;
 *     if (demucs_ort_deck_pool_create(model, NULL, &pool) != DEMUCS_ORT_OK) return;
 *     if (demucs_ort_deck_create(pool, read_track, NULL, frames, NULL, &deck) != DEMUCS_ORT_OK) return;
 *     demucs_ort_deck_set_playhead(deck, 44100);
 *     report(demucs_ort_deck_read(deck, 44100, 512, stems, &quality));
 *     demucs_ort_deck_free(deck);
 *     demucs_ort_deck_pool_free(pool);
 *
 * The functions do what the classes of deck.hpp do; their documentation holds here, too, and so do the rules of
 * c_api.h. The functions that are real-time safe do nothing with NULL.
 */

#include "demucs_ort/c_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The threads, models and thread budget that decks share. It ends when neither the handle nor a deck is left. */
typedef struct demucs_ort_deck_pool demucs_ort_deck_pool;

/* See demucs_ort::DeckPoolOptions. */
typedef struct demucs_ort_deck_pool_options {
  size_t struct_size;
  const demucs_ort_model* provisional; /* the same weights with a shorter segment; NULL: no provisional stems */
  uint32_t workers;                    /* threads, at most the `max_concurrent_runs` of both models; default 1 */
  int32_t warm;                        /* 1, the default: run both models once on silence when idle */
  int32_t preempt;                     /* 1, the default: interrupt runs that can wait */
  int32_t low_priority;                /* 1: the workers use only the time that others leave; default 0 */
} demucs_ort_deck_pool_options;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_deck_pool_options). Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_deck_pool_options_init(demucs_ort_deck_pool_options* options,
                                                                      size_t struct_size);

/* `options` may be NULL: the defaults. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_deck_pool_create(const demucs_ort_model* model,
                                                                const demucs_ort_deck_pool_options* options,
                                                                demucs_ort_deck_pool** pool);
/* The threads end with the last deck. Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_deck_pool_free(demucs_ort_deck_pool* pool);

/* 1 once the models have been run, so that the next run is as fast as all later ones. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT int32_t demucs_ort_deck_pool_warm(const demucs_ort_deck_pool* pool);
/* Runs interrupted so far for a deck that would have run dry. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT uint64_t demucs_ort_deck_pool_preempted(const demucs_ort_deck_pool* pool);

enum { DEMUCS_ORT_STORAGE_EXACT = 0, DEMUCS_ORT_STORAGE_COMPACT = 1 };

/* See demucs_ort::DeckOptions. What it points to is only needed during demucs_ort_deck_create. */
typedef struct demucs_ort_deck_options {
  size_t struct_size;
  const demucs_ort_separator_options* separator; /* NULL: the defaults */
  size_t cache_mb;                               /* MiB for stems and parts of them; default 512 */
  size_t crossfade_frames;                       /* from provisional to final stems; default 882 */
  const char* spill_folder;                      /* NULL: no spill file */
  int32_t storage;                               /* DEMUCS_ORT_STORAGE_... */
} demucs_ort_deck_options;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_deck_options). Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_deck_options_init(demucs_ort_deck_options* options, size_t struct_size);

/* A deck. */
typedef struct demucs_ort_deck demucs_ort_deck;

/* Workers call `read`, never two at a time, with frames in any order, until demucs_ort_deck_free returns; `user_data`
 * must live as long. `frames` is the track's length. Returns at once. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_deck_create(demucs_ort_deck_pool* pool, demucs_ort_read_callback read,
                                                           void* user_data, size_t frames,
                                                           const demucs_ort_deck_options* options,
                                                           demucs_ort_deck** deck);
/* Interrupts what runs for the deck and waits for it. Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_deck_free(demucs_ort_deck* deck);

/* How many stems are delivered. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_deck_stem_count(const demucs_ort_deck* deck);
/* The name of a stem, in the order of delivery. It belongs to the deck; NULL: there is no stem of that number.
 * Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT const char* demucs_ort_deck_stem_name(const demucs_ort_deck* deck, size_t index);

/* The track's length. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_deck_frames(const demucs_ort_deck* deck);

/* Where the track plays. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT void demucs_ort_deck_set_playhead(demucs_ort_deck* deck, size_t frame);
/* The playhead will go back to `first` at `end`; `end` <= `first`: no loop. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT void demucs_ort_deck_set_loop(demucs_ort_deck* deck, size_t first, size_t end);

/* Where the playhead may jump to. `frames` may be NULL if there are none. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_deck_set_cues(demucs_ort_deck* deck, const size_t* frames, size_t count);

enum { DEMUCS_ORT_QUALITY_NONE = 0, DEMUCS_ORT_QUALITY_PROVISIONAL = 1, DEMUCS_ORT_QUALITY_FINAL = 2 };

/* Copies frames [frame, frame + frames), as far as they are ready without a gap, to stems[stem][channel][0 ..) and
 * returns how many. It does not touch what lies beyond. `quality` may be NULL. Thread: owner's, usually the audio
 * thread; other functions may be called meanwhile; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_deck_read(demucs_ort_deck* deck, size_t frame, size_t frames,
                                              float* const* const* stems, int32_t* quality);

/* The same to stems[stem][channel][i * stride] for i from 0 on, as demucs_ort_separate_strided. Thread: owner's, as
 * demucs_ort_deck_read; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_deck_read_strided(demucs_ort_deck* deck, size_t frame, size_t frames,
                                                      float* const* const* stems, size_t stride, int32_t* quality);

enum {
  DEMUCS_ORT_DECK_MEASURING = 0,
  DEMUCS_ORT_DECK_SEPARATING = 1,
  DEMUCS_ORT_DECK_DONE = 2,
  DEMUCS_ORT_DECK_FAILED = 3
};

/* See demucs_ort::DeckState. */
typedef struct demucs_ort_deck_state {
  size_t struct_size;
  int32_t stage;           /* DEMUCS_ORT_DECK_... */
  demucs_ort_status error; /* why it failed; DEMUCS_ORT_OK: it has not */
  double fraction;         /* of the track that is final */
  size_t ready_frames;     /* that can be read from the playhead on */
  size_t final_frames;     /* the same, final ones only */
  size_t cached_bytes;
  size_t spilled_bytes;
  uint64_t segments;    /* segments computed so far */
  uint64_t provisional; /* provisional windows computed so far */
  char message[512];    /* one sentence, or "" */
} demucs_ort_deck_state;

/* Set state->struct_size to sizeof(demucs_ort_deck_state) before the call; the rest is filled in. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_deck_get_state(const demucs_ort_deck* deck,
                                                              demucs_ort_deck_state* state);

#ifdef __cplusplus
}
#endif

#endif
