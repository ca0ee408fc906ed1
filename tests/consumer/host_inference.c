/* A part of a host, as a shared library of its own, that is linked to the host's ONNX Runtime. C11. */
#include "host_inference.h"

#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>

static const OrtApi* api;
static OrtEnv* env;
static OrtSession* session;

static void expect(OrtStatus* status) {
  if (status == NULL) return;
  fprintf(stderr, "the host's ONNX Runtime: %s\n", api->GetErrorMessage(status));
  exit(1);
}

const char* host_open(const char* model) {
  OrtSessionOptions* options = NULL;
  api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  if (api == NULL) return NULL;
  expect(api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "host", &env));
  expect(api->CreateSessionOptions(&options));
  expect(api->SetIntraOpNumThreads(options, 2));
  expect(api->CreateSession(env, model, options, &session));
  api->ReleaseSessionOptions(options);
  return OrtGetApiBase()->GetVersionString();
}

void host_run(const float* mix, size_t frames, float* stems, size_t sources) {
  const int64_t in_shape[] = {1, 2, (int64_t)frames};
  const int64_t out_shape[] = {1, (int64_t)sources, 2, (int64_t)frames};
  const char* in_names[] = {"mix"};
  const char* out_names[] = {"stems"};
  const size_t in_bytes = 2 * frames * sizeof *mix;
  OrtMemoryInfo* memory = NULL;
  OrtValue* in = NULL;
  OrtValue* out = NULL;
  expect(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  /* The interface takes inputs as memory that it may write to, and does not. */
  expect(api->CreateTensorWithDataAsOrtValue(memory, (void*)(uintptr_t)mix, in_bytes, in_shape, 3,
                                             ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in));
  expect(api->CreateTensorWithDataAsOrtValue(memory, stems, sources * in_bytes, out_shape, 4,
                                             ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &out));
  expect(api->Run(session, NULL, in_names, (const OrtValue* const*)&in, 1, out_names, 1, &out));
  api->ReleaseValue(out);
  api->ReleaseValue(in);
  api->ReleaseMemoryInfo(memory);
}

void host_close(void) {
  api->ReleaseSession(session);
  api->ReleaseEnv(env);
}
