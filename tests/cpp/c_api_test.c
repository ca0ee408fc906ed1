/* The C door as a C99 program sees it: good paths, every status, hostile arguments. usage: c_api_test FOLDER_OF_MODELS
 */
#include "demucs_ort/c_api.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "c_api_checks.h"

enum { channels = 2, sources = 2, segment = 1000, frames = 4321 };

static const char* models = "";

static const char* path_of(const char* name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", models, name);
  return path;
}

static demucs_ort_model* load(const char* name) { return load_from(models, name); }

/* A track of tones, and room for what comes of it. */
typedef struct {
  float mix[channels][frames];
  float stems[sources][channels][frames];
  const float* mix_rows[channels];
  float* stem_rows[sources][channels];
  float* const* stem_list[sources];
} buffers;

static buffers* new_buffers(void) {
  buffers* all = calloc(1, sizeof *all);
  if (all == NULL) exit(1);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < frames; ++i) all->mix[c][i] = 0.4f * sinf((float)(i * (c + 1)) * 0.02f);
    all->mix_rows[c] = all->mix[c];
  }
  for (size_t s = 0; s < sources; ++s) {
    for (size_t c = 0; c < channels; ++c) all->stem_rows[s][c] = all->stems[s][c];
    all->stem_list[s] = all->stem_rows[s];
  }
  return all;
}

/* The models are gains: 0.75 and 0.25 of the mix, around the track's mean. */
static int is_share(const buffers* all, size_t stem, float gain) {
  double mean = 0;
  for (size_t i = 0; i < frames; ++i) mean += (double)(all->mix[0][i] + all->mix[1][i]) / 2 / (double)frames;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < frames; ++i) {
      const double expected = (double)gain * ((double)all->mix[c][i] - mean) + mean;
      if (fabs((double)all->stems[stem][c][i] - expected) > 1e-6) return 0;
    }
  }
  return 1;
}

static void test_structs_have_the_layout_of_the_first_release(void) {
  if (sizeof(void*) != 8 || sizeof(size_t) != 8) return;
  CHECK(sizeof(demucs_ort_status) == 4);
  CHECK(sizeof(demucs_ort_model_options) == 88);
  CHECK(offsetof(demucs_ort_model_options, onnxruntime_library) == 24);
  CHECK(offsetof(demucs_ort_model_options, low_priority) == 52);
  CHECK(offsetof(demucs_ort_model_options, max_batch) == 56);
  CHECK(offsetof(demucs_ort_model_options, provider_library) == 72);
  CHECK(offsetof(demucs_ort_model_options, cancel) == 80);
  CHECK(sizeof(demucs_ort_memory_estimate) == 32);
  CHECK(offsetof(demucs_ort_memory_estimate, total) == 24);
  CHECK(sizeof(demucs_ort_model_info) == 136);
  CHECK(offsetof(demucs_ort_model_info, precision) == 56);
  CHECK(offsetof(demucs_ort_model_info, runtime_version) == 96);
  CHECK(offsetof(demucs_ort_model_info, max_concurrent_runs) == 120);
  CHECK(sizeof(demucs_ort_run_options) == 40);
  CHECK(offsetof(demucs_ort_run_options, priority) == 32);
  CHECK(sizeof(demucs_ort_separator_options) == 88);
  CHECK(offsetof(demucs_ort_separator_options, stems) == 40);
  CHECK(offsetof(demucs_ort_separator_options, residual_to) == 72);
  CHECK(offsetof(demucs_ort_separator_options, priority) == 80);
}

static void test_model_tells_what_it_is(void) {
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_model_info info = {.struct_size = sizeof info};
  CHECK(demucs_ort_model_get_info(model, &info) == DEMUCS_ORT_OK);
  CHECK(strcmp(info.name, "gains") == 0);
  CHECK(info.source_count == sources);
  CHECK(strcmp(info.sources[0], "drums") == 0 && strcmp(info.sources[1], "bass") == 0);
  CHECK(info.channels == channels && info.segment_frames == segment && info.sample_rate == 44100);
  CHECK(info.trained == 0);
  CHECK(strcmp(info.precision, "fp32") == 0);
  CHECK(strlen(info.weights_sha256) == 64);
  CHECK(strcmp(info.demucs_version, "4.1.0") == 0);
  CHECK(strcmp(info.description, "") == 0);
  CHECK(strcmp(info.provider, "cpu") == 0);
  CHECK(strchr(info.runtime_version, '.') != NULL);
  CHECK(info.members == NULL && info.member_count == 0);
  CHECK(info.threads >= 1 && info.max_concurrent_runs >= 1 && info.max_batch == 1);
  demucs_ort_model_free(model);
}

static void test_loading_is_cancelled(void) {
  demucs_ort_model* model = NULL;
  demucs_ort_cancel* cancel = NULL;
  demucs_ort_model_options options;
  CHECK(demucs_ort_cancel_create(&cancel) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_model_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  CHECK(options.cancel == NULL);
  options.cancel = cancel;
  CHECK(demucs_ort_model_load(path_of("specialists.json"), &options, &model) == DEMUCS_ORT_OK);
  demucs_ort_cancel_request(cancel);
  CHECK_FAILS(demucs_ort_model_prepare(model, NULL, 0, cancel), DEMUCS_ORT_CANCELLED, "loading of the model was");
  CHECK(demucs_ort_model_prepare(model, NULL, 0, NULL) == DEMUCS_ORT_OK);
  demucs_ort_model_free(model);
  model = NULL;
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_CANCELLED, "loading of");
  CHECK(model == NULL);
  demucs_ort_cancel_free(cancel);
}

static void test_memory_estimate(void) {
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_memory_estimate memory = {.struct_size = sizeof memory};
  CHECK(demucs_ort_model_memory_estimate(model, &memory) == DEMUCS_ORT_OK);
  CHECK(memory.per_run == 20U * sources * channels * segment * sizeof(float));
  CHECK(memory.loaded > 0 && memory.total >= memory.loaded + memory.per_run);
  CHECK(memory.struct_size == sizeof memory);
  memory.struct_size = 8;
  CHECK_FAILS(demucs_ort_model_memory_estimate(model, &memory), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
  CHECK_FAILS(demucs_ort_model_memory_estimate(model, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "memory is NULL");
  CHECK_FAILS(demucs_ort_model_memory_estimate(NULL, &memory), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");
  demucs_ort_model_free(model);
}

static void count_message(void* user_data, int32_t level, const char* message) {
  if (level == DEMUCS_ORT_LOG_INFO && strstr(message, "loaded '") == message) ++*(int*)user_data;
}

static void test_log(void) {
  int messages = 0;
  CHECK_FAILS(demucs_ort_set_log(5, count_message, &messages), DEMUCS_ORT_INVALID_ARGUMENT, "no log level 5");
  CHECK_FAILS(demucs_ort_set_log(-1, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "no log level -1");
  CHECK(demucs_ort_set_log(DEMUCS_ORT_LOG_INFO, count_message, &messages) == DEMUCS_ORT_OK);
  demucs_ort_model_free(load("gains.onnx"));
  CHECK(messages == 1);
  CHECK(demucs_ort_set_log(DEMUCS_ORT_LOG_WARNING, count_message, &messages) == DEMUCS_ORT_OK);
  demucs_ort_model_free(load("gains.onnx"));
  CHECK(demucs_ort_set_log(DEMUCS_ORT_LOG_INFO, NULL, NULL) == DEMUCS_ORT_OK);
  demucs_ort_model_free(load("gains.onnx"));
  CHECK(demucs_ort_set_log(DEMUCS_ORT_LOG_OFF, count_message, &messages) == DEMUCS_ORT_OK);
  demucs_ort_model_free(load("gains.onnx"));
  CHECK(messages == 1);
}

static void test_versions(void) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", DEMUCS_ORT_VERSION_MAJOR, DEMUCS_ORT_VERSION_MINOR, DEMUCS_ORT_VERSION_PATCH);
  CHECK(strcmp(text, DEMUCS_ORT_VERSION) == 0 && strcmp(text, demucs_ort_version()) == 0);
  CHECK(demucs_ort_abi_version() == DEMUCS_ORT_ABI_VERSION);
  CHECK(demucs_ort_check_abi(DEMUCS_ORT_ABI_VERSION) == DEMUCS_ORT_OK);
  CHECK_FAILS(demucs_ort_check_abi(DEMUCS_ORT_ABI_VERSION + 1), DEMUCS_ORT_INVALID_ARGUMENT, "was compiled for");
  CHECK(demucs_ort_default_threads() >= 1);
}

static void note_sentence(void* count, const char* sentence) {
  if (strlen(sentence) > 0) ++*(int*)count;
}

static void test_a_bag_tells_what_it_has_become(void) {
  demucs_ort_model_options options;
  demucs_ort_model* model = NULL;
  demucs_ort_model_info info = {.struct_size = sizeof info};
  const char* settings[] = {"device_id", "0"};
  CHECK(demucs_ort_model_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.provider = "auto";
  options.provider_options = settings;
  options.provider_option_count = 1;
  options.max_concurrent_runs = 3;
  CHECK(demucs_ort_model_load(path_of("specialists.json"), &options, &model) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_model_get_info(model, &info) == DEMUCS_ORT_OK);
  const char* before = info.provider;
  CHECK(strcmp(before, "auto") == 0 && info.max_concurrent_runs == 3 && info.member_count == 2);
  CHECK(strcmp(info.members[0], "gains.onnx") == 0 && strcmp(info.members[1], "other.onnx") == 0);
  const uint8_t bass[] = {0, 1};
  CHECK_FAILS(demucs_ort_model_prepare(model, bass, 1, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "one flag for each");
  CHECK_FAILS(demucs_ort_model_prepare(model, bass, 0, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "empty list");
  CHECK_FAILS(demucs_ort_model_prepare(NULL, NULL, 0, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");
  CHECK(demucs_ort_model_prepare(model, bass, 2, NULL) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_model_get_info(model, &info) == DEMUCS_ORT_OK);
  CHECK(strcmp(info.provider, "cpu") == 0 && strcmp(before, "auto") == 0);
  int rejected = 0;
  CHECK(demucs_ort_model_rejected_providers(model, note_sentence, &rejected) == DEMUCS_ORT_OK && rejected == 0);
  CHECK_FAILS(demucs_ort_model_rejected_providers(model, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "take is NULL");
  demucs_ort_model_free(model);
}

static void test_newer_and_older_structs(void) {
  struct {
    demucs_ort_model_info info;
    size_t from_the_future;
  } info = {.info = {.struct_size = sizeof info}, .from_the_future = 7};
  demucs_ort_model* model = load("gains.onnx");
  CHECK(demucs_ort_model_get_info(model, &info.info) == DEMUCS_ORT_OK);
  CHECK(info.info.struct_size == sizeof info && info.from_the_future == 0);

  struct {
    demucs_ort_separator_options options;
    size_t from_the_future;
  } newer = {.from_the_future = 7};
  demucs_ort_separator* separator = NULL;
  CHECK(demucs_ort_separator_options_init(&newer.options, sizeof newer) == DEMUCS_ORT_OK);
  CHECK(newer.options.struct_size == sizeof newer && newer.options.overlap == 0.25 && newer.from_the_future == 0);
  CHECK(demucs_ort_separator_create(model, &newer.options, &separator) == DEMUCS_ORT_OK);
  demucs_ort_separator_free(separator);
  newer.from_the_future = 1;
  CHECK_FAILS(demucs_ort_separator_create(model, &newer.options, &separator), DEMUCS_ORT_INVALID_ARGUMENT, "not know");

  const size_t absurd[] = {0, 1, sizeof(size_t), sizeof(demucs_ort_separator_options) - 1, 4097, SIZE_MAX};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; ++i) {
    demucs_ort_separator_options options;
    demucs_ort_model_options model_options;
    demucs_ort_model* none = NULL;
    memset(&options, 0x5A, sizeof options);
    CHECK_FAILS(demucs_ort_separator_options_init(&options, absurd[i]), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
    CHECK(options.seed == 0x5A5A5A5A);
    CHECK(demucs_ort_separator_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
    options.struct_size = absurd[i];
    CHECK_FAILS(demucs_ort_separator_create(model, &options, &separator), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
    CHECK(demucs_ort_model_options_init(&model_options, sizeof model_options) == DEMUCS_ORT_OK);
    if (absurd[i] == sizeof(demucs_ort_separator_options) - 1) continue; /* larger than this one */
    model_options.struct_size = absurd[i];
    CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &model_options, &none), DEMUCS_ORT_INVALID_ARGUMENT,
                "struct_size");
    CHECK(none == NULL);
    info.info.struct_size = absurd[i];
    CHECK_FAILS(demucs_ort_model_get_info(model, &info.info), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
  }
  demucs_ort_model_free(model);
}

static void test_loading_fails_with_a_reason(void) {
  static const char* const bad[] = {"nowhere.onnx", "truncated.onnx", "garbage.onnx", "empty.onnx", "no_sources.onnx"};
  demucs_ort_model* model = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    CHECK_FAILS(demucs_ort_model_load(path_of(bad[i]), NULL, &model), DEMUCS_ORT_BAD_MODEL, bad[i]);
  }
  CHECK_FAILS(demucs_ort_model_load(models, NULL, &model), DEMUCS_ORT_BAD_MODEL, models);
  CHECK_FAILS(demucs_ort_model_load("", NULL, &model), DEMUCS_ORT_BAD_MODEL, "no model file");
  CHECK_FAILS(demucs_ort_model_load("\xff\xfe.onnx", NULL, &model), DEMUCS_ORT_BAD_MODEL, "no model file");
  CHECK_FAILS(demucs_ort_model_load_memory("nonsense", 8, NULL, &model), DEMUCS_ORT_BAD_MODEL, "in memory");
  CHECK_FAILS(demucs_ort_model_load_memory("", 0, NULL, &model), DEMUCS_ORT_BAD_MODEL, "empty");
  CHECK_FAILS(demucs_ort_model_load_memory(NULL, 8, NULL, &model), DEMUCS_ORT_INVALID_ARGUMENT, "data is NULL");
  CHECK_FAILS(demucs_ort_model_load(NULL, NULL, &model), DEMUCS_ORT_INVALID_ARGUMENT, "path is NULL");
  CHECK_FAILS(demucs_ort_model_load(models, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");

  demucs_ort_model_options options;
  CHECK(demucs_ort_model_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.provider = "abacus";
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_INVALID_ARGUMENT, "abacus");
  options.provider = "cpu";
  options.threads = UINT32_MAX;
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_INVALID_ARGUMENT, "threads");
  options.threads = 0;
  const char* settings[] = {"device_id", "0", "other", NULL};
  options.provider_options = settings;
  options.provider_option_count = 1;
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_INVALID_ARGUMENT,
              "takes no options");
  options.provider_option_count = 2;
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_INVALID_ARGUMENT,
              "provider_options[3] is NULL");
  options.provider_option_count = 0;
  CHECK(options.provider_library == NULL);
  options.provider_library = "nowhere.so";
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_RUNTIME_MISSING, "nowhere.so");
  options.provider_library = NULL;
  options.max_concurrent_runs = 65;
  CHECK_FAILS(demucs_ort_model_load(path_of("gains.onnx"), &options, &model), DEMUCS_ORT_INVALID_ARGUMENT, "runs");
  CHECK_FAILS(demucs_ort_model_options_init(NULL, sizeof options), DEMUCS_ORT_INVALID_ARGUMENT, "options is NULL");
  CHECK(model == NULL);
}

static void note_cpu(void* found, const char* name) {
  if (strcmp(name, "cpu") == 0) *(int*)found = 1;
}

static void test_providers_are_listed(void) {
  int found = 0;
  CHECK(demucs_ort_available_providers(NULL, note_cpu, &found) == DEMUCS_ORT_OK);
  CHECK(found == 1);
  CHECK_FAILS(demucs_ort_available_providers(NULL, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "take is NULL");
}

static void test_paths_are_utf8(void) {
  demucs_ort_model* model = load("\xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd \xe9\x9f\xb3\xe6\xa5\xbd.onnx");
  demucs_ort_model_free(model);
}

static void test_messages_are_cut_between_letters(void) {
  char path[4000];
  demucs_ort_model* model = NULL;
  for (size_t start = 0; start < 2; ++start) {
    memset(path, 'x', sizeof path);
    for (size_t i = start; i + 2 < sizeof path; i += 2) memcpy(path + i, "\xc3\xa9", 2);
    path[sizeof path - 1] = '\0';
    CHECK(demucs_ort_model_load(path, NULL, &model) == DEMUCS_ORT_BAD_MODEL);
    const char* message = demucs_ort_last_error();
    CHECK(strlen(message) < 1024 && strlen(message) > 1000);
    CHECK(memcmp(message + strlen(message) - 2, "\xc3\xa9", 2) == 0);
  }
}

static void test_runs_segments(void) {
  demucs_ort_model* model = load("gains.onnx");
  float* mix = calloc(2 * channels * segment, sizeof *mix);
  float* stems = calloc(2 * sources * channels * segment, sizeof *stems);
  if (mix == NULL || stems == NULL) exit(1);
  mix[2500] = 0.5f;
  CHECK(demucs_ort_model_run(model, mix, 2, stems, NULL) == DEMUCS_ORT_OK);
  CHECK(stems[4500] == 0.375f && stems[6500] == 0.125f);
  demucs_ort_cancel* cancel = NULL;
  demucs_ort_run_options options;
  const uint8_t drums[] = {1, 0};
  CHECK(demucs_ort_run_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.wanted = drums;
  options.wanted_count = 2;
  options.priority = DEMUCS_ORT_PRIORITY_FOREGROUND;
  stems[4500] = 0;
  CHECK(demucs_ort_model_run(model, mix, 2, stems, &options) == DEMUCS_ORT_OK && stems[4500] == 0.375f);
  options.wanted_count = 1;
  CHECK_FAILS(demucs_ort_model_run(model, mix, 2, stems, &options), DEMUCS_ORT_INVALID_ARGUMENT, "one flag for each");
  options.wanted = NULL;
  options.priority = 2;
  CHECK_FAILS(demucs_ort_model_run(model, mix, 2, stems, &options), DEMUCS_ORT_INVALID_ARGUMENT, "no priority 2");
  options.priority = DEMUCS_ORT_PRIORITY_NORMAL;
  CHECK(demucs_ort_cancel_create(&cancel) == DEMUCS_ORT_OK);
  options.cancel = cancel;
  demucs_ort_cancel_request(cancel);
  CHECK_FAILS(demucs_ort_model_run(model, mix, 2, stems, &options), DEMUCS_ORT_CANCELLED, "cancelled");
  demucs_ort_cancel_free(cancel);
  CHECK_FAILS(demucs_ort_model_run(model, mix, 0, stems, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "batch of 0");
  CHECK_FAILS(demucs_ort_model_run(model, mix, SIZE_MAX, stems, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "batch of");
  CHECK_FAILS(demucs_ort_model_run(model, mix, SIZE_MAX / 4000, stems, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "batch of");
  CHECK_FAILS(demucs_ort_model_run(NULL, mix, 1, stems, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");
  CHECK_FAILS(demucs_ort_model_run(model, NULL, 1, stems, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "mix is NULL");
  CHECK_FAILS(demucs_ort_model_run(model, mix, 1, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "stems is NULL");
  free(mix);
  free(stems);
  demucs_ort_model_free(model);
}

static void test_separates_in_memory(void) {
  buffers* all = new_buffers();
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  CHECK(demucs_ort_separator_create(model, NULL, &separator) == DEMUCS_ORT_OK);
  demucs_ort_model_free(model); /* the separator keeps it */
  CHECK(demucs_ort_separator_stem_count(separator) == 2);
  CHECK(strcmp(demucs_ort_separator_stem_name(separator, 1), "bass") == 0);
  CHECK(demucs_ort_separator_stem_name(separator, 2) == NULL);
  CHECK(demucs_ort_separator_stem_name(separator, SIZE_MAX) == NULL);
  CHECK(demucs_ort_separator_model_seconds(NULL) == 0 && demucs_ort_separator_model_seconds(separator) == 0);
  CHECK(demucs_ort_separate(separator, all->mix_rows, frames, all->stem_list, NULL, NULL, NULL) == DEMUCS_ORT_OK);
  CHECK(is_share(all, 0, 0.75f) && is_share(all, 1, 0.25f));
  demucs_ort_separator_free(separator);
  free(all);
}

/* [frame][channel] in, [frame][stem][channel] out. */
static void test_separates_interleaved_audio(void) {
  buffers* all = new_buffers();
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  float* mix = malloc(2 * frames * sizeof(float));
  float* out = malloc(4 * frames * sizeof(float));
  const float* channels[] = {mix, mix + 1};
  float* first[] = {out, out + 1};
  float* second[] = {out + 2, out + 3};
  float* const* stems[] = {first, second};
  int same = 1;
  CHECK(demucs_ort_separator_create(model, NULL, &separator) == DEMUCS_ORT_OK);
  demucs_ort_model_free(model);
  for (size_t i = 0; i < frames; ++i) {
    for (size_t c = 0; c < 2; ++c) mix[2 * i + c] = all->mix_rows[c][i];
  }
  CHECK(demucs_ort_separate_strided(separator, channels, 2, frames, stems, 4, NULL, NULL, NULL) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_separate(separator, all->mix_rows, frames, all->stem_list, NULL, NULL, NULL) == DEMUCS_ORT_OK);
  for (size_t i = 0; i < frames; ++i) {
    for (size_t row = 0; row < 4; ++row) same = same && out[4 * i + row] == all->stem_list[row / 2][row % 2][i];
  }
  CHECK(same);
  CHECK_FAILS(demucs_ort_separate_strided(separator, channels, 0, frames, stems, 4, NULL, NULL, NULL),
              DEMUCS_ORT_INVALID_ARGUMENT, "stride of 0");
  CHECK_FAILS(demucs_ort_separate_strided(separator, channels, 2, SIZE_MAX / 4, stems, 4, NULL, NULL, NULL),
              DEMUCS_ORT_INVALID_ARGUMENT, "fits no memory");
  demucs_ort_separator_free(separator);
  free(out);
  free(mix);
  free(all);
}

static demucs_ort_status separate_with(const demucs_ort_separator_options* options, buffers* all, const char** names) {
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  demucs_ort_status status = demucs_ort_separator_create(model, options, &separator);
  if (status == DEMUCS_ORT_OK) {
    for (size_t s = 0; s < demucs_ort_separator_stem_count(separator); ++s) {
      CHECK(strcmp(demucs_ort_separator_stem_name(separator, s), names[s]) == 0);
    }
    status = demucs_ort_separate(separator, all->mix_rows, frames, all->stem_list, NULL, NULL, NULL);
  }
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
  return status;
}

static void test_options_reach_the_separator(void) {
  buffers* all = new_buffers();
  demucs_ort_separator_options options;
  const char* const backwards[] = {"bass", "drums"};
  const size_t offsets[] = {0, 22050, 7};

  CHECK(demucs_ort_separator_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.stems = backwards;
  options.stem_count = 2;
  options.overlap = 0.5;
  options.shift_offsets = offsets;
  options.shift_offset_count = 3;
  CHECK(separate_with(&options, all, (const char*[]){"bass", "drums"}) == DEMUCS_ORT_OK);
  CHECK(is_share(all, 0, 0.25f) && is_share(all, 1, 0.75f));

  CHECK(demucs_ort_separator_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.two_stems = "bass";
  options.other_method = DEMUCS_ORT_OTHER_MINUS;
  options.shifts = 2;
  options.seed = 3;
  CHECK(separate_with(&options, all, (const char*[]){"bass", "no_bass"}) == DEMUCS_ORT_OK);
  for (size_t i = 0; i < frames; ++i) {
    CHECK(fabsf(all->stems[0][1][i] + all->stems[1][1][i] - all->mix[1][i]) < 1e-6f);
  }

  CHECK(demucs_ort_separator_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  options.residual_to = "drums";
  CHECK(separate_with(&options, all, (const char*[]){"drums", "bass"}) == DEMUCS_ORT_OK);
  for (size_t i = 0; i < frames; ++i) {
    CHECK(fabsf(all->stems[0][0][i] + all->stems[1][0][i] - all->mix[0][i]) < 1e-6f);
  }
  free(all);
}

static void test_unusable_options_are_refused(void) {
  const char* const piano[] = {"piano"};
  const char* const holes[] = {"bass", NULL};
  const size_t far_away[] = {22051};
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  demucs_ort_separator_options options;
#define REFUSED(text, ...)                                                             \
  CHECK(demucs_ort_separator_options_init(&options, sizeof options) == DEMUCS_ORT_OK); \
  __VA_ARGS__;                                                                         \
  CHECK_FAILS(demucs_ort_separator_create(model, &options, &separator), DEMUCS_ORT_INVALID_ARGUMENT, text)
  REFUSED("overlap", options.overlap = 1);
  REFUSED("overlap", options.overlap = -0.1);
  REFUSED("overlap", options.overlap = (double)NAN);
  REFUSED("overlap", options.overlap = 0.9999999);
  REFUSED("shifts", options.shifts = UINT32_MAX);
  REFUSED("22051", options.shift_offsets = far_away, options.shift_offset_count = 1);
  REFUSED("shift_offsets is NULL", options.shift_offset_count = 1);
  REFUSED("shift_offsets cannot", options.shift_offsets = far_away, options.shift_offset_count = SIZE_MAX);
  REFUSED("piano", options.stems = piano, options.stem_count = 1);
  REFUSED("stems[1] is NULL", options.stems = holes, options.stem_count = 2);
  REFUSED("stems is NULL", options.stem_count = 2);
  REFUSED("stems cannot", options.stems = piano, options.stem_count = SIZE_MAX);
  REFUSED("empty list", options.stems = piano);
  REFUSED("piano", options.two_stems = "piano");
  REFUSED("not both", options.two_stems = "bass", options.stems = holes, options.stem_count = 1);
  REFUSED("other_method", options.two_stems = "bass", options.other_method = 2);
  REFUSED("other_method", options.other_method = DEMUCS_ORT_OTHER_MINUS);
  REFUSED("piano", options.residual_to = "piano");
  REFUSED("priority", options.priority = 2);
#undef REFUSED
  CHECK_FAILS(demucs_ort_separator_create(NULL, NULL, &separator), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");
  CHECK_FAILS(demucs_ort_separator_create(model, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "separator is NULL");
  CHECK_FAILS(demucs_ort_separator_options_init(NULL, 8), DEMUCS_ORT_INVALID_ARGUMENT, "options is NULL");
  CHECK(separator == NULL);
  demucs_ort_model_free(model);
}

static void test_unusable_audio_is_refused_and_the_separator_stays_usable(void) {
  buffers* all = new_buffers();
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  CHECK(demucs_ort_separator_create(model, NULL, &separator) == DEMUCS_ORT_OK);
#define SEPARATE(mix, count, stems) demucs_ort_separate(separator, (mix), (count), (stems), NULL, NULL, NULL)
  CHECK_FAILS(SEPARATE(all->mix_rows, 0, all->stem_list), DEMUCS_ORT_BAD_AUDIO, "empty");
  CHECK_FAILS(SEPARATE(all->mix_rows, SIZE_MAX, all->stem_list), DEMUCS_ORT_INVALID_ARGUMENT, "fits no memory");
  CHECK_FAILS(SEPARATE(NULL, frames, all->stem_list), DEMUCS_ORT_INVALID_ARGUMENT, "mix is NULL");
  CHECK_FAILS(SEPARATE(all->mix_rows, frames, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "stems is NULL");
  const float* mix[] = {all->mix[0], NULL};
  CHECK_FAILS(SEPARATE(mix, frames, all->stem_list), DEMUCS_ORT_INVALID_ARGUMENT, "mix[1] is NULL");
  float* const* stems[] = {all->stem_rows[0], NULL};
  CHECK_FAILS(SEPARATE(all->mix_rows, frames, stems), DEMUCS_ORT_INVALID_ARGUMENT, "stems[1] is NULL");
  all->stem_rows[1][0] = NULL;
  CHECK_FAILS(SEPARATE(all->mix_rows, frames, all->stem_list), DEMUCS_ORT_INVALID_ARGUMENT, "[0] is NULL");
  all->stem_rows[1][0] = all->stems[1][0];
  all->mix[1][77] = INFINITY;
  CHECK_FAILS(SEPARATE(all->mix_rows, frames, all->stem_list), DEMUCS_ORT_BAD_AUDIO, "channel 1, frame 77");
  all->mix[1][77] = 0;
  CHECK(SEPARATE(all->mix_rows, frames, all->stem_list) == DEMUCS_ORT_OK);
  CHECK(is_share(all, 0, 0.75f));
#undef SEPARATE
  CHECK_FAILS(demucs_ort_separate(NULL, all->mix_rows, frames, all->stem_list, NULL, NULL, NULL),
              DEMUCS_ORT_INVALID_ARGUMENT, "separator is NULL");
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
  free(all);
}

/* What the callbacks saw, and what they shall do. */
typedef struct {
  buffers* all;
  size_t read_to, passes, written_to, progress_calls;
  double last_fraction;
  int32_t last_stage;
  int32_t fail_read, fail_write, fail_progress;
  int too_much, shrink;
  demucs_ort_cancel* cancel_at_write;
} stream;

static int32_t on_read(void* user_data, size_t first, size_t wanted, float* const* out, size_t* delivered) {
  stream* self = user_data;
  if (first == 0) {
    self->read_to = 0;
    ++self->passes;
  }
  CHECK(first == self->read_to);
  if (self->fail_read != 0) return self->fail_read;
  const size_t end = self->shrink && self->passes == 2 ? frames / 2 : frames;
  const size_t count = first >= end ? 0 : end - first < wanted ? end - first : wanted;
  for (size_t c = 0; c < channels; ++c) memcpy(out[c], self->all->mix[c] + first, count * sizeof(float));
  self->read_to += count;
  *delivered = self->too_much ? wanted + 1 : count;
  return 0;
}

static int32_t on_write(void* user_data, size_t first, size_t count, const float* const* const* stems) {
  stream* self = user_data;
  CHECK(first == self->written_to);
  if (self->fail_write != 0) return self->fail_write;
  for (size_t s = 0; s < sources; ++s) {
    for (size_t c = 0; c < channels; ++c) memcpy(self->all->stems[s][c] + first, stems[s][c], count * sizeof(float));
  }
  self->written_to += count;
  demucs_ort_cancel_request(self->cancel_at_write);
  return 0;
}

static int32_t on_progress(void* user_data, int32_t stage, double fraction) {
  stream* self = user_data;
  CHECK(stage >= self->last_stage && fraction >= self->last_fraction && fraction <= 1);
  self->last_stage = stage;
  self->last_fraction = fraction;
  ++self->progress_calls;
  return self->fail_progress;
}

static demucs_ort_status run_stream(demucs_ort_separator* separator, stream* self, const demucs_ort_cancel* cancel,
                                    size_t* total) {
  self->read_to = self->passes = self->written_to = self->progress_calls = 0;
  self->last_fraction = 0;
  self->last_stage = DEMUCS_ORT_STAGE_MEASURING;
  return demucs_ort_separate_callbacks(separator, on_read, on_write, on_progress, self, cancel, total);
}

static void test_callbacks(void) {
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  stream self = {.all = new_buffers()};
  size_t total = 0;
  CHECK(demucs_ort_separator_create(model, NULL, &separator) == DEMUCS_ORT_OK);

  self.fail_read = 11;
  CHECK_FAILS(run_stream(separator, &self, NULL, &total), DEMUCS_ORT_CALLBACK_FAILED, "read callback stopped");
  CHECK(strstr(demucs_ort_last_error(), "11") != NULL);
  self.fail_read = 0;
  self.fail_write = -5;
  CHECK_FAILS(run_stream(separator, &self, NULL, &total), DEMUCS_ORT_CALLBACK_FAILED, "write callback stopped");
  self.fail_write = 0;
  self.fail_progress = 1;
  CHECK_FAILS(run_stream(separator, &self, NULL, &total), DEMUCS_ORT_CALLBACK_FAILED, "progress callback stopped");
  CHECK(self.progress_calls == 1);
  self.fail_progress = 0;
  self.too_much = 1;
  CHECK_FAILS(run_stream(separator, &self, NULL, &total), DEMUCS_ORT_INVALID_ARGUMENT, "more frames than asked");
  self.too_much = 0;
  self.shrink = 1;
  CHECK_FAILS(run_stream(separator, &self, NULL, &total), DEMUCS_ORT_BAD_AUDIO, "shorter");
  self.shrink = 0;
  CHECK(total == 0);

  demucs_ort_cancel* cancel = NULL;
  CHECK(demucs_ort_cancel_create(&cancel) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_cancel_requested(cancel) == 0);
  self.cancel_at_write = cancel;
  CHECK_FAILS(run_stream(separator, &self, cancel, &total), DEMUCS_ORT_CANCELLED, "cancelled");
  CHECK(demucs_ort_cancel_requested(cancel) == 1);
  CHECK(self.written_to > 0 && self.written_to < frames);
  CHECK_FAILS(run_stream(separator, &self, cancel, &total), DEMUCS_ORT_CANCELLED, "cancelled");
  CHECK(self.written_to == 0);
  self.cancel_at_write = NULL;
  demucs_ort_cancel_free(cancel);

  CHECK(run_stream(separator, &self, NULL, &total) == DEMUCS_ORT_OK);
  CHECK(total == frames && self.written_to == frames && self.passes == 2);
  CHECK(self.last_fraction == 1 && self.last_stage == DEMUCS_ORT_STAGE_SEPARATING);
  CHECK(is_share(self.all, 0, 0.75f) && is_share(self.all, 1, 0.25f));
  self.written_to = 0;
  CHECK(demucs_ort_separate_callbacks(separator, on_read, on_write, NULL, &self, NULL, NULL) == DEMUCS_ORT_OK);
  CHECK(self.written_to == frames);

  CHECK_FAILS(demucs_ort_separate_callbacks(separator, NULL, on_write, NULL, NULL, NULL, NULL),
              DEMUCS_ORT_INVALID_ARGUMENT, "callback");
  CHECK_FAILS(demucs_ort_separate_callbacks(separator, on_read, NULL, NULL, NULL, NULL, NULL),
              DEMUCS_ORT_INVALID_ARGUMENT, "callback");
  CHECK_FAILS(demucs_ort_separate_callbacks(NULL, on_read, on_write, NULL, NULL, NULL, NULL),
              DEMUCS_ORT_INVALID_ARGUMENT, "separator is NULL");
  free(self.all);
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
}

static void test_pushing(void) {
  demucs_ort_model* model = load("gains.onnx");
  demucs_ort_separator* separator = NULL;
  stream self = {.all = new_buffers()};
  size_t total = 0;
  float* interleaved = calloc(channels * frames, sizeof *interleaved);
  for (size_t i = 0; i < channels * frames; ++i) interleaved[i] = self.all->mix[i % channels][i / channels];
  CHECK(demucs_ort_separator_create(model, NULL, &separator) == DEMUCS_ORT_OK);
  const float* none[channels] = {interleaved, interleaved + 1};
  CHECK_FAILS(demucs_ort_separator_push(separator, none, 1, channels), DEMUCS_ORT_INVALID_ARGUMENT, "begin");

  CHECK(demucs_ort_separator_begin(separator, NULL) == DEMUCS_ORT_OK);
  for (size_t at = 0, count = 0; at < frames; at += count) {
    count = at + 700 < frames ? 700 : frames - at;
    const float* piece[channels] = {interleaved + channels * at, interleaved + channels * at + 1};
    CHECK(demucs_ort_separator_push(separator, piece, count, channels) == DEMUCS_ORT_OK);
  }
  self.fail_write = 3;
  CHECK_FAILS(demucs_ort_separator_finish(separator, on_write, NULL, &self, NULL, NULL), DEMUCS_ORT_CALLBACK_FAILED,
              "write callback stopped");
  self.fail_write = 0;
  CHECK(demucs_ort_separator_finish(separator, on_write, on_progress, &self, NULL, &total) == DEMUCS_ORT_OK);
  CHECK(total == frames && self.written_to == frames && self.progress_calls > 2);
  CHECK(is_share(self.all, 0, 0.75f) && is_share(self.all, 1, 0.25f));

  CHECK_FAILS(demucs_ort_separator_finish(separator, on_write, NULL, &self, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT,
              "begin");
  CHECK(demucs_ort_separator_begin(separator, NULL) == DEMUCS_ORT_OK);
  CHECK_FAILS(demucs_ort_separator_push(separator, NULL, 1, 1), DEMUCS_ORT_INVALID_ARGUMENT, "mix is NULL");
  CHECK_FAILS(demucs_ort_separator_finish(separator, NULL, NULL, NULL, NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT,
              "callback");
  demucs_ort_separator_abandon(separator);
  CHECK_FAILS(demucs_ort_separator_push(separator, none, 1, channels), DEMUCS_ORT_INVALID_ARGUMENT, "begin");
  CHECK_FAILS(demucs_ort_separator_begin(separator, "/no/such/folder"), DEMUCS_ORT_INVALID_ARGUMENT, "/no/such/folder");
  CHECK_FAILS(demucs_ort_separator_begin(NULL, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "separator is NULL");
  demucs_ort_separator_abandon(NULL);
  free(interleaved);
  free(self.all);
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
}

static void test_null_handles_do_no_harm(void) {
  demucs_ort_model_info info = {.struct_size = sizeof info};
  demucs_ort_model_free(NULL);
  demucs_ort_separator_free(NULL);
  demucs_ort_cancel_free(NULL);
  demucs_ort_cancel_request(NULL);
  CHECK(demucs_ort_cancel_requested(NULL) == 0);
  CHECK(demucs_ort_separator_stem_count(NULL) == 0);
  CHECK(demucs_ort_separator_stem_name(NULL, 0) == NULL);
  CHECK_FAILS(demucs_ort_cancel_create(NULL), DEMUCS_ORT_INVALID_ARGUMENT, "cancel is NULL");
  CHECK_FAILS(demucs_ort_model_get_info(NULL, &info), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");
  demucs_ort_model* model = load("gains.onnx");
  CHECK_FAILS(demucs_ort_model_get_info(model, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "info is NULL");
  demucs_ort_model_free(model);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  models = argv[1];
  CHECK(strcmp(demucs_ort_last_error(), "") == 0);
  demucs_ort_set_last_error("a sentence of a library on top");
  CHECK(strcmp(demucs_ort_last_error(), "a sentence of a library on top") == 0);
  demucs_ort_set_last_error(NULL);
  CHECK(strcmp(demucs_ort_last_error(), "") == 0);
  test_structs_have_the_layout_of_the_first_release();
  test_model_tells_what_it_is();
  test_loading_is_cancelled();
  test_memory_estimate();
  test_log();
  test_versions();
  test_a_bag_tells_what_it_has_become();
  test_newer_and_older_structs();
  test_loading_fails_with_a_reason();
  test_providers_are_listed();
  test_paths_are_utf8();
  test_messages_are_cut_between_letters();
  test_runs_segments();
  test_separates_in_memory();
  test_separates_interleaved_audio();
  test_options_reach_the_separator();
  test_unusable_options_are_refused();
  test_unusable_audio_is_refused_and_the_separator_stays_usable();
  test_callbacks();
  test_pushing();
  test_null_handles_do_no_harm();
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
