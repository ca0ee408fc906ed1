/* A library of providers, as ONNX Runtime loads them, that finds no device on any machine. */
#include <stddef.h>

void* CreateEpFactories(const char* name, const void* runtime, const void* logger, void** factories, size_t most,
                        size_t* count);
void* ReleaseEpFactory(void* factory);

void* CreateEpFactories(const char* name, const void* runtime, const void* logger, void** factories, size_t most,
                        size_t* count) {
  (void)name, (void)runtime, (void)logger, (void)factories, (void)most;
  *count = 0;
  return NULL;
}

void* ReleaseEpFactory(void* factory) {
  (void)factory;
  return NULL;
}
