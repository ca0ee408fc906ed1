#include "peak_memory.hpp"

#include <cstdint>

#ifdef _WIN32
#include "base/windows.hpp"
// after windows.h
#include <psapi.h>
#elif defined(__APPLE__)
#include <sys/resource.h>
#else
#include <fstream>
#include <string>
#endif

std::uint64_t peak_memory_bytes() {
#ifdef _WIN32
  PROCESS_MEMORY_COUNTERS counters{};
  if (!K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters)) return 0;
  return counters.PeakWorkingSetSize;
#elif defined(__APPLE__)
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss);
#else
  // Not getrusage: Linux counts there what the parent held when it started this program.
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    std::uint64_t kilobytes = 0;
    if (key == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
#endif
}
