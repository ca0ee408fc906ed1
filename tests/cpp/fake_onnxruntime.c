/* An ONNX Runtime that has no interface at all, and says as its version which one it was asked for. */
#include <stdint.h>
#include <stdio.h>

struct base {
  const void* (*get_api)(uint32_t version);
  const char* (*get_version)(void);
};

static char version[32] = "never asked";

static const void* get_api(uint32_t asked) {
  snprintf(version, sizeof version, "asked for %u", (unsigned)asked);
  return NULL;
}

static const char* get_version(void) { return version; }

const struct base* OrtGetApiBase(void) {
  static const struct base base = {get_api, get_version};
  return &base;
}
