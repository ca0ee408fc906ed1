/* What Wine's headers lack of Microsoft's, as far as libc++ and ONNX Runtime's header ask for it. Only parsed. */
#pragma once
#define WINE_UNICODE_NATIVE
#define _Inout_updates_all_(count)
#define _Frees_ptr_opt_
#define _InterlockedCompareExchange128 wine_InterlockedCompareExchange128 /* is built into clang */
#include <corecrt.h>
#ifdef __cplusplus
#define ASKS_OF_ALL(name)     \
  bool name(float) noexcept;  \
  bool name(double) noexcept; \
  bool name(long double) noexcept;
ASKS_OF_ALL(isnan)
ASKS_OF_ALL(isinf)
ASKS_OF_ALL(isfinite)
ASKS_OF_ALL(signbit)
extern "C" {
#endif
struct timespec {
  __time64_t tv_sec;
  long tv_nsec;
};
double nan(const char*);
float nanf(const char*);
int _dupenv_s(char**, size_t*, const char*);
float _strtof_l(const char*, char**, _locale_t);
double _strtod_l(const char*, char**, _locale_t);
int _isupper_l(int, _locale_t);
int _islower_l(int, _locale_t);
int ___mb_cur_max_func(void);
#ifdef __cplusplus
}
#endif
#define MB_CUR_MAX ___mb_cur_max_func()
