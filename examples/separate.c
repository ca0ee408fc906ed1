/* Separates a track through callbacks, in memory that does not grow with its length, and prints the level of every
 * stem.
 *
 *   separate_c MODEL                     ten seconds of two tones
 *   separate_c MODEL MIX.f32 FOLDER      a song into FOLDER/<stem>.f32
 *
 * MIX.f32 is interleaved stereo float32 at the model's rate: ffmpeg -i song.mp3 -ar 44100 -ac 2 -f f32le MIX.f32
 */
#include <demucs_ort/c_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { channels = 2, max_stems = 16, tone_frames = 10 * 44100 };

typedef struct {
  FILE* mix; /* NULL: the two tones */
  size_t frames;
  size_t stem_count;
  FILE* stems[max_stems]; /* NULL: only levels are wanted */
  double power[max_stems];
} track;

/* Callbacks return 0 to go on. */
static int32_t read_mix(void* user_data, size_t first, size_t frames, float* const* out, size_t* delivered) {
  track* self = user_data;
  if (self->mix != NULL && first == 0) rewind(self->mix); /* the track is read twice */
  size_t i = 0;
  for (; i < frames; ++i) {
    float frame[channels];
    if (self->mix != NULL) {
      if (fread(frame, sizeof frame, 1, self->mix) != 1) break;
    } else {
      if (first + i == tone_frames) break;
      frame[0] = 0.3f * sinf((float)(first + i) * 0.01f);
      frame[1] = 0.3f * sinf((float)(first + i) * 0.08f);
    }
    for (size_t c = 0; c < channels; ++c) out[c][i] = frame[c];
  }
  *delivered = i;
  return self->mix != NULL && ferror(self->mix);
}

static int32_t write_stems(void* user_data, size_t first, size_t frames, const float* const* const* stems) {
  track* self = user_data;
  self->frames = first + frames;
  for (size_t s = 0; s < self->stem_count; ++s) {
    for (size_t i = 0; i < frames; ++i) {
      const float frame[channels] = {stems[s][0][i], stems[s][1][i]};
      self->power[s] += (double)frame[0] * (double)frame[0];
      if (self->stems[s] != NULL && fwrite(frame, sizeof frame, 1, self->stems[s]) != 1) return 1;
    }
  }
  return 0;
}

static int32_t show_progress(void* user_data, int32_t stage, double fraction) {
  (void)user_data;
  if (stage == DEMUCS_ORT_STAGE_SEPARATING) fprintf(stderr, "\r%3.0f %%%s", 100 * fraction, fraction < 1 ? "" : "\n");
  return 0;
}

/* Ends the program with the library's sentence if a call has failed. */
static void check(demucs_ort_status status) {
  if (status == DEMUCS_ORT_OK) return;
  fprintf(stderr, "%s\n", demucs_ort_last_error());
  exit(1);
}

static FILE* open_file(const char* name, const char* mode) {
  FILE* file = fopen(name, mode);
  if (file == NULL) {
    perror(name);
    exit(1);
  }
  return file;
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    fprintf(stderr, "usage: %s MODEL [MIX.f32 FOLDER]\n", argv[0]);
    return 2;
  }
  demucs_ort_model* model = NULL;
  demucs_ort_separator* separator = NULL;
  check(demucs_ort_model_load(argv[1], NULL, &model));
  check(demucs_ort_separator_create(model, NULL, &separator));
  demucs_ort_model_free(model); /* the separator keeps it */

  track song = {.stem_count = demucs_ort_separator_stem_count(separator)};
  if (song.stem_count > max_stems) return 1;
  if (argc == 4) {
    song.mix = open_file(argv[2], "rb");
    for (size_t s = 0; s < song.stem_count; ++s) {
      char name[4096];
      snprintf(name, sizeof name, "%s/%s.f32", argv[3], demucs_ort_separator_stem_name(separator, s));
      song.stems[s] = open_file(name, "wb");
    }
  }
  check(demucs_ort_separate_callbacks(separator, read_mix, write_stems, show_progress, &song, NULL, NULL));

  int result = 0;
  for (size_t s = 0; s < song.stem_count; ++s) {
    if (song.stems[s] != NULL && fclose(song.stems[s]) != 0) result = 1;
    printf("%-8s %.4f\n", demucs_ort_separator_stem_name(separator, s), sqrt(song.power[s] / (double)song.frames));
  }
  if (song.mix != NULL) fclose(song.mix);
  demucs_ort_separator_free(separator);
  return result;
}
