#pragma once

// ONNX Runtime's C++ interface, as this library uses it: its functions are looked up at run time unless it is linked.
#ifndef DEMUCS_ORT_LINK_ONNXRUNTIME
#define ORT_API_MANUAL_INIT
#endif
#include <onnxruntime_cxx_api.h>
