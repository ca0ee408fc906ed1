#pragma once

#ifdef _WIN32
// windows.h without what it would define besides: macros such as min, and old headers. Compilers for Windows set some
// of these names themselves.
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif
