/* What the tests of the C interface share: checks that report and go on, and a model of the folder of models. */
#ifndef DEMUCS_ORT_TESTS_C_API_CHECKS_H
#define DEMUCS_ORT_TESTS_C_API_CHECKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demucs_ort/c_api.h"

static int failures = 0;

static void check(int good, const char* what, int line) {
  if (good) return;
  ++failures;
  printf("line %d: %s; the last error is \"%s\"\n", line, what, demucs_ort_last_error());
}
#define CHECK(condition) check((condition) ? 1 : 0, #condition, __LINE__)

/* That a call fails with this status, and with a sentence that holds this text. */
static void check_fails(demucs_ort_status found, demucs_ort_status wanted, const char* text, int line) {
  if (found == wanted && strstr(demucs_ort_last_error(), text) != NULL) return;
  ++failures;
  printf("line %d: status %d (wanted %d), \"%s\" (wanted \"%s\")\n", line, (int)found, (int)wanted,
         demucs_ort_last_error(), text);
}
#define CHECK_FAILS(call, status, text) check_fails((call), (status), (text), __LINE__)

static demucs_ort_model* load_from(const char* folder, const char* name) {
  char path[4096];
  demucs_ort_model* model = NULL;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (demucs_ort_model_load(path, NULL, &model) != DEMUCS_ORT_OK) {
    printf("%s: %s\n", name, demucs_ort_last_error());
    exit(1);
  }
  return model;
}

#endif
