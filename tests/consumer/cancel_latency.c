/* How long a separation goes on after it was cancelled, at moments spread over a segment, in milliseconds.
 * usage: cancel_latency MODEL TIMES */
#include <demucs_ort/c_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

typedef struct {
  demucs_ort_cancel* cancel;
  double wait, requested;
} button;

static void* press(void* argument) {
  button* self = argument;
  const double end = now() + self->wait;
  while (now() < end) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  self->requested = now();
  demucs_ort_cancel_request(self->cancel);
  return NULL;
}

static int32_t read_noise(void* user_data, size_t first, size_t frames, float* const* channels, size_t* delivered) {
  const size_t total = 3u << 20; /* a minute and more */
  const size_t count = first >= total ? 0 : total - first < frames ? total - first : frames;
  (void)user_data;
  for (size_t i = 0; i < count; ++i) channels[0][i] = channels[1][i] = (float)rand() / (float)RAND_MAX - 0.5f;
  *delivered = count;
  return 0;
}

static int32_t drop(void* user_data, size_t first, size_t frames, const float* const* const* stems) {
  (void)user_data, (void)first, (void)frames, (void)stems;
  return 0;
}

int main(int argc, char** argv) {
  demucs_ort_model* model = NULL;
  demucs_ort_separator* separator = NULL;
  if (argc != 3) return 2;
  if (demucs_ort_model_load(argv[1], NULL, &model) != DEMUCS_ORT_OK ||
      demucs_ort_separator_create(model, NULL, &separator) != DEMUCS_ORT_OK) {
    printf("%s\n", demucs_ort_last_error());
    return 1;
  }
  const int times = atoi(argv[2]);
  for (int i = 0; i < times; ++i) {
    pthread_t thread;
    button self = {.wait = 0.5 + 2.5 * i / times};
    if (demucs_ort_cancel_create(&self.cancel) != DEMUCS_ORT_OK) return 1;
    if (pthread_create(&thread, NULL, press, &self) != 0) return 1;
    const demucs_ort_status status =
        demucs_ort_separate_callbacks(separator, read_noise, drop, NULL, NULL, self.cancel, NULL);
    const double returned = now();
    pthread_join(thread, NULL);
    demucs_ort_cancel_free(self.cancel);
    if (status != DEMUCS_ORT_CANCELLED) return 1;
    printf("%.1f\n", 1e3 * (returned - self.requested));
  }
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
  return 0;
}
