/* Stands in for ONNX Runtime: whoever loads it gets Ctrl-C, and time to notice it, and then the library named by
 * REAL_ONNXRUNTIME. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

const void* OrtGetApiBase(void) {
  static int called;
  const struct timespec time = {1, 0};
  void* library = dlopen(getenv("REAL_ONNXRUNTIME"), RTLD_NOW | RTLD_LOCAL);
  if (called++ == 0) { /* a second one would kill */
    raise(SIGINT);
    nanosleep(&time, NULL);
  }
  return ((const void* (*)(void))dlsym(library, "OrtGetApiBase"))();
}
