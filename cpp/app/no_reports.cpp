#include "no_reports.hpp"

#include <stdlib.h>

void forbid_reports() {
#ifdef _WIN32
  if (getenv("ORT_DISABLE_TELEMETRY") == nullptr) _putenv_s("ORT_DISABLE_TELEMETRY", "1");
#else
  setenv("ORT_DISABLE_TELEMETRY", "1", 0);
#endif
}
