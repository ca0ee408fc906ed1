#pragma once

// ONNX Runtime's C++ interface, as this library uses it: its function table is set by hand, to the version that this
// library needs, whatever the version of the headers is.
#define ORT_API_MANUAL_INIT
#ifdef __MINGW32__  // has not all that ONNX Runtime's headers take for granted on Windows
#include <specstrings.h>
#ifndef _Frees_ptr_opt_
#define _Frees_ptr_opt_
#endif
#ifndef _stdcall
#define _stdcall __stdcall
#endif
#endif
#include <onnxruntime_cxx_api.h>
