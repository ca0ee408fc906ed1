/* Decks as a C99 program sees them. usage: c_api_deck_test FOLDER_OF_MODELS */
#include "demucs_ort/c_api_deck.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "c_api_checks.h"

enum { channels = 2, sources = 2, frames = 4321 };

/* Stems with pointers to their rows. */
typedef struct {
  float samples[sources][channels][frames];
  float* rows[sources][channels];
  float* const* list[sources];
} stems;

static stems* new_stems(void) {
  stems* all = calloc(1, sizeof *all);
  if (all == NULL) exit(1);
  for (size_t s = 0; s < sources; ++s) {
    for (size_t c = 0; c < channels; ++c) all->rows[s][c] = all->samples[s][c];
    all->list[s] = all->rows[s];
  }
  return all;
}

static float mix[channels][frames];

static int32_t read_mix(void* user_data, size_t first, size_t count, float* const* out, size_t* delivered) {
  int* calls = user_data;
  ++*calls;
  *delivered = first + count > frames ? frames - first : count;
  for (size_t c = 0; c < channels; ++c) memcpy(out[c], mix[c] + first, *delivered * sizeof(float));
  return 0;
}

static int32_t read_nothing(void* user_data, size_t first, size_t count, float* const* out, size_t* delivered) {
  (void)user_data, (void)first, (void)count, (void)out, (void)delivered;
  return 7;
}

/* Waits until the deck has nothing more to do. */
static demucs_ort_deck_state wait_for(const demucs_ort_deck* deck) {
  demucs_ort_deck_state state;
  const time_t limit = time(NULL) + 60;
  memset(&state, 0, sizeof state);
  state.struct_size = sizeof state;
  while (state.stage < DEMUCS_ORT_DECK_DONE && time(NULL) < limit) {
    CHECK(demucs_ort_deck_get_state(deck, &state) == DEMUCS_ORT_OK);
  }
  return state;
}

static void test_a_deck_equals_the_separator(demucs_ort_deck_pool* workers, const demucs_ort_model* model) {
  demucs_ort_separator_options separating;
  demucs_ort_deck_options options;
  demucs_ort_deck* deck = NULL;
  demucs_ort_separator* separator = NULL;
  int calls = 0;
  int32_t quality = -1;
  const size_t cue = 3000;
  stems* found = new_stems();
  stems* expected = new_stems();
  const float* rows[channels] = {mix[0], mix[1]};

  CHECK(demucs_ort_separator_options_init(&separating, sizeof separating) == DEMUCS_ORT_OK);
  separating.overlap = 0.5;
  CHECK(demucs_ort_deck_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  CHECK(options.cache_mb == 512 && options.crossfade_frames == 882);
  options.separator = &separating;
  CHECK(demucs_ort_deck_create(workers, read_mix, &calls, frames, &options, &deck) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_deck_stem_count(deck) == sources);
  CHECK(strcmp(demucs_ort_deck_stem_name(deck, 1), "bass") == 0);
  CHECK(demucs_ort_deck_stem_name(deck, 2) == NULL);
  demucs_ort_deck_set_playhead(deck, 2000);
  demucs_ort_deck_set_loop(deck, 1000, 2500);
  CHECK(demucs_ort_deck_set_cues(deck, &cue, 1) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_deck_set_cues(deck, NULL, 0) == DEMUCS_ORT_OK);

  const demucs_ort_deck_state state = wait_for(deck);
  CHECK(state.stage == DEMUCS_ORT_DECK_DONE && state.error == DEMUCS_ORT_OK && state.message[0] == '\0');
  CHECK(state.fraction == 1.0 && state.ready_frames == frames - 2000 && state.final_frames == frames - 2000);
  CHECK(demucs_ort_deck_frames(deck) == frames);
  CHECK(state.segments >= 8 && state.cached_bytes >= sources * channels * frames * sizeof(float));
  CHECK(calls > 8);
  CHECK(demucs_ort_deck_read(deck, 0, frames + 5, found->list, &quality) == frames);
  CHECK(quality == DEMUCS_ORT_QUALITY_FINAL);
  CHECK(demucs_ort_separator_create(model, &separating, &separator) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_separate(separator, rows, frames, expected->list, NULL, NULL, NULL) == DEMUCS_ORT_OK);
  CHECK(memcmp(found->samples, expected->samples, sizeof found->samples) == 0);
  float together[4]; /* the last frame, [stem][channel] */
  float* first_stem[] = {together, together + 1};
  float* second_stem[] = {together + 2, together + 3};
  float* const* strided[] = {first_stem, second_stem};
  CHECK(demucs_ort_deck_read_strided(deck, frames - 1, 5, strided, 4, &quality) == 1);
  for (size_t row = 0; row < 4; ++row) CHECK(together[row] == expected->list[row / 2][row % 2][frames - 1]);
  CHECK(demucs_ort_deck_read_strided(NULL, 0, 1, strided, 4, NULL) == 0);
  CHECK(demucs_ort_deck_read(deck, frames, 1, found->list, &quality) == 0);
  CHECK(quality == DEMUCS_ORT_QUALITY_NONE);
  demucs_ort_separator_free(separator);
  demucs_ort_deck_free(deck);
  free(found);
  free(expected);
}

static void test_a_failing_callback_fails_the_deck(demucs_ort_deck_pool* workers) {
  demucs_ort_deck* deck = NULL;
  CHECK(demucs_ort_deck_create(workers, read_nothing, NULL, frames, NULL, &deck) == DEMUCS_ORT_OK);
  const demucs_ort_deck_state state = wait_for(deck);
  CHECK(state.stage == DEMUCS_ORT_DECK_FAILED && state.error == DEMUCS_ORT_BAD_AUDIO);
  CHECK(strstr(state.message, "returning 7") != NULL);
  demucs_ort_deck_free(deck);
}

static void test_unusable_arguments_are_refused(demucs_ort_deck_pool* workers, const demucs_ort_model* model,
                                                const demucs_ort_model* other) {
  demucs_ort_deck_pool_options some;
  demucs_ort_deck_options options;
  demucs_ort_deck_pool* made = NULL;
  demucs_ort_deck* deck = NULL;
  const size_t beyond = frames;
  int calls = 0;
  CHECK(demucs_ort_deck_pool_options_init(&some, sizeof some) == DEMUCS_ORT_OK);
  CHECK(some.workers == 1 && some.warm == 1 && some.preempt == 1 && some.low_priority == 0);
  some.workers = 2;
  CHECK_FAILS(demucs_ort_deck_pool_create(model, &some, &made), DEMUCS_ORT_INVALID_ARGUMENT, "loaded for 1");
  some.workers = 1;
  some.provisional = other;
  CHECK_FAILS(demucs_ort_deck_pool_create(model, &some, &made), DEMUCS_ORT_INVALID_ARGUMENT, "not the same");
  some.struct_size = 3;
  CHECK_FAILS(demucs_ort_deck_pool_create(model, &some, &made), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
  CHECK_FAILS(demucs_ort_deck_pool_create(NULL, NULL, &made), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");

  CHECK(demucs_ort_deck_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.storage = 9;
  CHECK_FAILS(demucs_ort_deck_create(workers, read_mix, &calls, frames, &options, &deck), DEMUCS_ORT_INVALID_ARGUMENT,
              "storage 9");
  options.storage = DEMUCS_ORT_STORAGE_COMPACT;
  options.cache_mb = 0;
  CHECK_FAILS(demucs_ort_deck_create(workers, read_mix, &calls, frames, &options, &deck), DEMUCS_ORT_INVALID_ARGUMENT,
              "at least 1");
  options.cache_mb = 1;
  options.spill_folder = "/nowhere/at/all";
  CHECK_FAILS(demucs_ort_deck_create(workers, read_mix, &calls, frames, &options, &deck), DEMUCS_ORT_INVALID_ARGUMENT,
              "/nowhere/at/all");
  CHECK_FAILS(demucs_ort_deck_create(workers, read_mix, &calls, 0, NULL, &deck), DEMUCS_ORT_BAD_AUDIO, "empty");
  CHECK_FAILS(demucs_ort_deck_create(workers, NULL, NULL, frames, NULL, &deck), DEMUCS_ORT_INVALID_ARGUMENT,
              "read callback");
  CHECK(deck == NULL && made == NULL);

  CHECK(demucs_ort_deck_create(workers, read_mix, &calls, frames, NULL, &deck) == DEMUCS_ORT_OK);
  CHECK_FAILS(demucs_ort_deck_set_cues(deck, &beyond, 1), DEMUCS_ORT_INVALID_ARGUMENT, "beyond");
  CHECK_FAILS(demucs_ort_deck_set_cues(deck, NULL, 1), DEMUCS_ORT_INVALID_ARGUMENT, "NULL");
  CHECK_FAILS(demucs_ort_deck_get_state(deck, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "state is NULL");
  demucs_ort_deck_free(deck);
}

static void test_null_handles_do_no_harm(void) {
  int32_t quality = -1;
  demucs_ort_deck_free(NULL);
  demucs_ort_deck_pool_free(NULL);
  demucs_ort_deck_set_playhead(NULL, 1);
  demucs_ort_deck_set_loop(NULL, 1, 2);
  CHECK(demucs_ort_deck_read(NULL, 0, 1, NULL, &quality) == 0 && quality == DEMUCS_ORT_QUALITY_NONE);
  CHECK(demucs_ort_deck_frames(NULL) == 0);
  CHECK(demucs_ort_deck_stem_count(NULL) == 0 && demucs_ort_deck_stem_name(NULL, 0) == NULL);
  CHECK(demucs_ort_deck_pool_warm(NULL) == 0 && demucs_ort_deck_pool_preempted(NULL) == 0);
}

static void test_structs_have_the_layout_of_the_first_release(void) {
  const size_t word = sizeof(size_t);
  CHECK(offsetof(demucs_ort_deck_pool_options, low_priority) == 2 * word + 12);
  CHECK(offsetof(demucs_ort_deck_options, storage) == 5 * word);
  CHECK(offsetof(demucs_ort_deck_state, stage) == word);
  CHECK(offsetof(demucs_ort_deck_state, message) == word + 16 + 4 * word + 16);
}

int main(int argc, char** argv) {
  demucs_ort_deck_pool* workers = NULL;
  if (argc != 2) return 2;
  for (size_t i = 0; i < frames; ++i) {
    mix[0][i] = 0.4f * sinf((float)i * 0.02f) + 0.1f;
    mix[1][i] = 0.3f * sinf((float)i * 0.05f);
  }
  demucs_ort_model* model = load_from(argv[1], "ramp.onnx");
  demucs_ort_model* other = load_from(argv[1], "other.onnx");
  CHECK(demucs_ort_deck_pool_create(model, NULL, &workers) == DEMUCS_ORT_OK);
  test_structs_have_the_layout_of_the_first_release();
  test_a_deck_equals_the_separator(workers, model);
  test_a_failing_callback_fails_the_deck(workers);
  test_unusable_arguments_are_refused(workers, model, other);
  test_null_handles_do_no_harm();
  demucs_ort_deck_pool_free(workers);
  demucs_ort_model_free(model);
  demucs_ort_model_free(other);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
