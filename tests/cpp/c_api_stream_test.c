/* Streams as a C99 program sees them. usage: c_api_stream_test FOLDER_OF_MODELS */
#include "demucs_ort/c_api_stream.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "c_api_checks.h"

enum { channels = 2, sources = 2, frames = 6000, block = 100 };

/* For a model of 1000 frames at 44.1 kHz. */
static demucs_ort_stream_options short_options(void) {
  demucs_ort_stream_options options;
  CHECK(demucs_ort_stream_options_init(&options, sizeof options) == DEMUCS_ORT_OK);
  CHECK(options.priority == DEMUCS_ORT_PRIORITY_FOREGROUND && options.hop > 0 && options.compute_time > 0);
  options.hop = 0.008;
  options.lookahead = 0.004;
  options.crossfade = 0.002;
  options.compute_time = 0.02;
  return options;
}

static float mix[channels][frames];
static float out[sources][channels][frames];

static void check_renders(const demucs_ort_model* model) {
  demucs_ort_stream_options options = short_options();
  demucs_ort_stream* stream = NULL;
  char why[8] = "garbage";
  size_t latency;
  size_t expected_latency = 0;
  CHECK(demucs_ort_stream_latency_of(&options, 44100, &expected_latency) == DEMUCS_ORT_OK);
  options.residual_to = "bass"; /* so that the stems add up to the mix */
  CHECK(demucs_ort_stream_create(model, &options, &stream) == DEMUCS_ORT_OK);
  CHECK(demucs_ort_stream_stem_count(stream) == 2);
  CHECK(strcmp(demucs_ort_stream_stem_name(stream, 1), "bass") == 0);
  CHECK(demucs_ort_stream_stem_name(stream, 2) == NULL);
  latency = demucs_ort_stream_latency_frames(stream);
  CHECK(latency == 353 + 176 + 88 + 882 && latency == expected_latency);
  CHECK(demucs_ort_stream_load(stream) == 0);
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t at = 0; at < frames; at += block) {
      const float* in[] = {mix[0] + at, mix[1] + at};
      float* first[] = {out[0][0] + at, out[0][1] + at};
      float* second[] = {out[1][0] + at, out[1][1] + at};
      float* const* stems[] = {first, second};
      CHECK(demucs_ort_stream_render(stream, in, stems, block) == DEMUCS_ORT_OK);
    }
    for (size_t i = 0; i < frames; ++i) {
      const float expected = i < latency ? 0 : mix[1][i - latency];
      const int stems_add_up_to_the_mix = fabsf(out[0][1][i] + out[1][1][i] - expected) < 1e-6f;
      CHECK(stems_add_up_to_the_mix);
      if (!stems_add_up_to_the_mix) break;
    }
    demucs_ort_stream_reset(stream);
  }
  CHECK(demucs_ort_stream_underruns(stream) == 0);
  CHECK(demucs_ort_stream_load(stream) > 0);
  CHECK(demucs_ort_stream_failure(stream, why, sizeof why) == DEMUCS_ORT_OK && why[0] == '\0');
  CHECK_FAILS(demucs_ort_stream_failure(stream, why, 0), DEMUCS_ORT_INVALID_ARGUMENT, "room");
  CHECK_FAILS(demucs_ort_stream_render(stream, NULL, NULL, 1), DEMUCS_ORT_INVALID_ARGUMENT, "in is NULL");
  demucs_ort_stream_free(stream);
}

/* Interleaved and at a rate of its own: what comes is the mix, as late as is said. */
static void check_another_rate(const demucs_ort_model* model) {
  demucs_ort_stream_options options = short_options();
  demucs_ort_stream* stream = NULL;
  static float in[2 * frames];
  static float stems_together[4 * frames];
  const float* heard[] = {in, in + 1};
  float* first[] = {stems_together, stems_together + 1};
  float* second[] = {stems_together + 2, stems_together + 3};
  float* const* stems[] = {first, second};
  demucs_ort_status status;
  size_t expected_latency = 0;
  options.residual_to = "bass";
  options.sample_rate = 48000;
  status = demucs_ort_stream_create(model, &options, &stream);
  if (status == DEMUCS_ORT_INVALID_ARGUMENT && strstr(demucs_ort_last_error(), "soxr") != NULL) return;
  CHECK(status == DEMUCS_ORT_OK);
  const size_t latency = demucs_ort_stream_latency_frames(stream);
  CHECK(latency == 384 + 192 + 96 + 960 + 208);
  CHECK(demucs_ort_stream_latency_of(&options, 44100, &expected_latency) == DEMUCS_ORT_OK);
  CHECK(latency == expected_latency);
  for (size_t i = 0; i < 2 * frames; ++i) in[i] = mix[i % 2][i / 2];
  CHECK(demucs_ort_stream_render_strided(stream, heard, 2, stems, 4, frames) == DEMUCS_ORT_OK);
  for (size_t i = latency; i < frames; ++i) {
    const int adds_up = fabsf(stems_together[4 * i] + stems_together[4 * i + 2] - in[2 * (i - latency)]) < 1e-6f;
    CHECK(adds_up);
    if (!adds_up) break;
  }
  demucs_ort_stream_reset(stream);
  demucs_ort_stream_process_strided(stream, heard, 2, stems, 4, 100);
  CHECK(stems_together[0] == 0 && stems_together[399] == 0);
  demucs_ort_stream_process_strided(stream, NULL, 2, stems, 4, 100);
  CHECK_FAILS(demucs_ort_stream_render_strided(stream, heard, 2, NULL, 4, 100), DEMUCS_ORT_INVALID_ARGUMENT,
              "out is NULL");
  demucs_ort_stream_free(stream);
}

/* Far more at once than there is time to compute. */
static void check_underruns(const demucs_ort_model* model) {
  demucs_ort_stream_options options = short_options();
  demucs_ort_stream* stream = NULL;
  const float* in[] = {mix[0], mix[1]};
  float* first[] = {out[0][0], out[0][1]};
  float* second[] = {out[1][0], out[1][1]};
  float* const* stems[] = {first, second};
  options.underrun = DEMUCS_ORT_UNDERRUN_MIX;
  CHECK(demucs_ort_stream_create(model, &options, &stream) == DEMUCS_ORT_OK);
  demucs_ort_stream_process(stream, in, stems, frames);
  CHECK(demucs_ort_stream_underruns(stream) > 0);
  demucs_ort_stream_free(stream);
}

static void check_recommends(const demucs_ort_model* model) {
  demucs_ort_stream_options options = short_options();
  const double hop = options.hop;
  CHECK_FAILS(demucs_ort_stream_recommend(model, 0, &options), DEMUCS_ORT_INVALID_ARGUMENT, "load");
  CHECK(options.hop == hop);
  CHECK(demucs_ort_stream_recommend(model, 1, &options) == DEMUCS_ORT_OK);
  CHECK(options.hop < 0.0168 && options.hop >= options.crossfade && options.compute_time >= 0.03);
}

static void check_latency_before_a_model(void) {
  demucs_ort_stream_options options = short_options();
  size_t latency = 7;
  CHECK_FAILS(demucs_ort_stream_latency_of(&options, 44100, NULL), DEMUCS_ORT_INVALID_ARGUMENT, "frames is NULL");
  CHECK_FAILS(demucs_ort_stream_latency_of(&options, 7999, &latency), DEMUCS_ORT_INVALID_ARGUMENT, "7999 Hz");
  options.hop = -1;
  CHECK_FAILS(demucs_ort_stream_latency_of(&options, 44100, &latency), DEMUCS_ORT_INVALID_ARGUMENT, "hop");
  options = short_options();
  options.struct_size = 3;
  CHECK_FAILS(demucs_ort_stream_latency_of(&options, 44100, &latency), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
  CHECK(latency == 7);
  CHECK(demucs_ort_stream_latency_of(NULL, 44100, &latency) == DEMUCS_ORT_OK);
  CHECK(latency == 22050 + 11025 + 2205 + 22050);
}

static void check_refusals(const demucs_ort_model* model) {
  demucs_ort_stream_options options = short_options();
  demucs_ort_stream* stream = NULL;
  const char* const unknown[] = {"piano"};
  CHECK_FAILS(demucs_ort_stream_create(NULL, NULL, &stream), DEMUCS_ORT_INVALID_ARGUMENT, "model is NULL");
  CHECK_FAILS(demucs_ort_stream_create(model, NULL, &stream), DEMUCS_ORT_INVALID_ARGUMENT, "only 1000");
  options.underrun = 2;
  CHECK_FAILS(demucs_ort_stream_create(model, &options, &stream), DEMUCS_ORT_INVALID_ARGUMENT, "underrun");
  options = short_options();
  options.priority = 9;
  CHECK_FAILS(demucs_ort_stream_create(model, &options, &stream), DEMUCS_ORT_INVALID_ARGUMENT, "priority");
  options = short_options();
  options.stems = unknown;
  options.stem_count = 1;
  CHECK_FAILS(demucs_ort_stream_create(model, &options, &stream), DEMUCS_ORT_INVALID_ARGUMENT, "piano");
  options = short_options();
  options.struct_size = 3;
  CHECK_FAILS(demucs_ort_stream_create(model, &options, &stream), DEMUCS_ORT_INVALID_ARGUMENT, "struct_size");
  CHECK(stream == NULL);
  demucs_ort_stream_free(NULL);
  demucs_ort_stream_reset(NULL);
  demucs_ort_stream_process(NULL, NULL, NULL, 5);
  CHECK(demucs_ort_stream_latency_frames(NULL) == 0 && demucs_ort_stream_stem_count(NULL) == 0);
  CHECK(demucs_ort_stream_load(NULL) == 0);
}

int main(int argc, char** argv) {
  demucs_ort_model* model;
  if (argc != 2) return 2;
  model = load_from(argv[1], "gains.onnx");
  for (size_t i = 0; i < frames; ++i) {
    mix[0][i] = sinf((float)i * 0.05f);
    mix[1][i] = cosf((float)i * 0.11f);
  }
  check_renders(model);
  check_another_rate(model);
  check_underruns(model);
  check_recommends(model);
  check_latency_before_a_model();
  check_refusals(model);
  demucs_ort_model_free(model);
  return failures == 0 ? 0 : 1;
}
