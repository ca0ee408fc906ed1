#include "base/usable_memory.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>

#if defined(_WIN32)
#include "base/windows.hpp"
#elif defined(__APPLE__)
#include <sys/sysctl.h>

#include <cstddef>
#elif defined(__linux__)
#include <unistd.h>

#include "base/control_groups.hpp"
#endif

namespace demucs_ort {

#if defined(_WIN32)
std::uint64_t usable_memory() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : 0;
}
#elif defined(__APPLE__)
std::uint64_t usable_memory() {
  std::uint64_t bytes = 0;
  std::size_t size = sizeof bytes;
  return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}
#elif defined(__linux__)
namespace {

/// Of a folder of control groups, of either version; infinity: it has none.
double limit_of(const std::filesystem::path& group) {
  for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {  // "max" stands for none
    std::ifstream file(group / name);
    if (double bytes = 0; file >> bytes && bytes > 0) return bytes;
  }
  return INFINITY;
}

}  // namespace

double memory_limit(const std::filesystem::path& root) { return smallest_limit("memory", limit_of, root); }

std::uint64_t usable_memory() {
  const auto pages = static_cast<double>(sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return pages > 0 ? static_cast<std::uint64_t>(std::min(pages * page, memory_limit("/"))) : 0;
}
#else
std::uint64_t usable_memory() { return 0; }
#endif

}  // namespace demucs_ort
