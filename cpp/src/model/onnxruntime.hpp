#pragma once

// ONNX Runtime's C++ interface, as this library uses it: its function table is set by hand, to the version that this
// library needs, whatever the version of the headers is.
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
