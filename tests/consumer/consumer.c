/* The same in C. usage: consumer_c MODEL */
#include <demucs_ort/c_api.h>
#include <stdio.h>

enum { frames = 1500 };

int main(int argc, char** argv) {
  static float mix[frames];
  static float out[4][frames];
  const float* channels[] = {mix, mix};
  float* rows[] = {out[0], out[1], out[2], out[3]};
  float* const* stems[] = {rows, rows + 2};
  demucs_ort_model* model = NULL;
  demucs_ort_separator* separator = NULL;
  if (argc != 2) return 2;
  if (demucs_ort_model_load(argv[1], NULL, &model) != DEMUCS_ORT_OK ||
      demucs_ort_separator_create(model, NULL, &separator) != DEMUCS_ORT_OK ||
      demucs_ort_separator_stem_count(separator) != 2) {
    printf("%s\n", demucs_ort_last_error());
    return 1;
  }
  mix[700] = 0.5f;
  mix[701] = -0.5f;
  if (demucs_ort_separate(separator, channels, frames, stems, NULL, NULL, NULL) != DEMUCS_ORT_OK) return 1;
  for (size_t s = 0; s < 2; ++s) {
    printf("%s %.3f\n", demucs_ort_separator_stem_name(separator, s), (double)stems[s][1][700]);
  }
  printf("status %d\n", (int)demucs_ort_model_load(argv[0], NULL, &model));
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
  return 0;
}
