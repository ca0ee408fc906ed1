/* What the part of the host that has its own ONNX Runtime does for the rest of it: inferences of a model file. */
#ifndef HOST_INFERENCE_H
#define HOST_INFERENCE_H

#include <stddef.h>

/* The version of the host's ONNX Runtime; NULL: it cannot be used. */
const char* host_open(const char* model);
/* mix[2][frames] to stems[sources][2][frames]. */
void host_run(const float* mix, size_t frames, float* stems, size_t sources);
void host_close(void);

#endif
