/* A host that has an ONNX Runtime of its own, in a shared library that is linked to it (host_inference.c), and uses it
 * before, while and after demucs_ort computes on another. C11.
 *
 * usage: two_runtimes first|second|without HOST_LIBRARY MODEL SEGMENT_FRAMES MIX FRAMES OUT
 *   The host's library is loaded first, second or not at all. MIX: float32, planar, two channels. OUT.host gets the
 *   stems of the mix's first segment from the host's, OUT.ours those of the whole mix from demucs_ort. */
#include <demucs_ort/c_api.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_inference.h"

enum { channels = 2, sources = 4 };

static struct {
  const char* (*open)(const char* model);
  void (*run)(const float* mix, size_t frames, float* stems, size_t sources);
  void (*close)(void);
} host;

static size_t segment;
static float* segment_mix;
static float* first_stems;
static atomic_int separated;

static void fail(const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void expect(demucs_ort_status status) {
  if (status != DEMUCS_ORT_OK) fail(demucs_ort_last_error());
}

static float* floats(size_t count) {
  float* memory = calloc(count, sizeof *memory);
  if (memory == NULL) fail("no memory");
  return memory;
}

static void write_floats(const char* name, const char* ending, const float* samples, size_t count) {
  char path[4096];
  FILE* file;
  snprintf(path, sizeof path, "%s.%s", name, ending);
  file = fopen(path, "wb");
  if (file == NULL || fwrite(samples, sizeof *samples, count, file) != count || fclose(file) != 0) fail(path);
}

static void open_host(const char* library, const char* model, const float* mix, size_t frames) {
  void* opened = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
  const char* version;
  if (opened == NULL) fail(dlerror());
  *(void**)&host.open = dlsym(opened, "host_open");
  *(void**)&host.run = dlsym(opened, "host_run");
  *(void**)&host.close = dlsym(opened, "host_close");
  if (host.open == NULL || host.run == NULL || host.close == NULL) fail("the host's library lacks something");
  version = host.open(model);
  if (version == NULL) fail("the host's ONNX Runtime does not know the interface that it was compiled with");
  printf("host %s\n", version);
  for (size_t channel = 0; channel < channels; ++channel) {
    memcpy(segment_mix + channel * segment, mix + channel * frames, segment * sizeof *mix);
  }
  host.run(segment_mix, segment, first_stems, sources);
}

/* Whether the host's library computes what it computed at first. */
static void check_host(void) {
  float* again;
  if (host.run == NULL) return;
  again = floats(sources * channels * segment);
  host.run(segment_mix, segment, again, sources);
  if (memcmp(again, first_stems, sources * channels * segment * sizeof *again) != 0) fail("the host's stems changed");
  free(again);
}

static void* check_host_meanwhile(void* nothing) {
  do {
    check_host();
  } while (!separated);
  return nothing;
}

static void separate(const demucs_ort_model* model, const float* mix, size_t frames, float* out) {
  const float* rows_in[channels];
  float* rows[sources][channels];
  float* const* stems[sources];
  demucs_ort_separator* separator = NULL;
  pthread_t thread;
  for (size_t channel = 0; channel < channels; ++channel) rows_in[channel] = mix + channel * frames;
  for (size_t stem = 0; stem < sources; ++stem) {
    for (size_t channel = 0; channel < channels; ++channel) {
      rows[stem][channel] = out + (stem * channels + channel) * frames;
    }
    stems[stem] = rows[stem];
  }
  expect(demucs_ort_separator_create(model, NULL, &separator));
  if (demucs_ort_separator_stem_count(separator) != sources) fail("the model is not of four sources");
  if (pthread_create(&thread, NULL, check_host_meanwhile, NULL) != 0) fail("no thread");
  expect(demucs_ort_separate(separator, rows_in, frames, stems, NULL, NULL, NULL));
  separated = 1;
  pthread_join(thread, NULL);
  demucs_ort_separator_free(separator);
}

int main(int argc, char** argv) {
  demucs_ort_model* model = NULL;
  demucs_ort_model_info info = {.struct_size = sizeof info};
  if (argc != 8) return 2;
  segment = (size_t)atol(argv[4]);
  const size_t frames = (size_t)atol(argv[6]);
  float* const mix = floats(channels * frames);
  float* const ours = floats(sources * channels * frames);
  FILE* const file = fopen(argv[5], "rb");
  if (segment == 0 || segment > frames || file == NULL || fread(mix, sizeof *mix, channels * frames, file) == 0)
    return 2;
  fclose(file);
  segment_mix = floats(channels * segment);
  first_stems = floats(sources * channels * segment);

  if (strcmp(argv[1], "first") == 0) open_host(argv[2], argv[3], mix, frames);
  expect(demucs_ort_model_load(argv[3], NULL, &model));
  expect(demucs_ort_model_get_info(model, &info));
  printf("ours %s\n", info.runtime_version);
  fflush(stdout);
  if (strcmp(argv[1], "second") == 0) open_host(argv[2], argv[3], mix, frames);
  separate(model, mix, frames, ours);
  check_host();
  demucs_ort_model_free(model);
  check_host();

  if (host.close != NULL) host.close();
  write_floats(argv[7], "host", first_stems, sources * channels * segment);
  write_floats(argv[7], "ours", ours, sources * channels * frames);
  return 0;
}
