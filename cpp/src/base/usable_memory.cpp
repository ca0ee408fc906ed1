#include "base/usable_memory.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <unistd.h>

#include "base/control_groups.hpp"
#endif

namespace demucs_ort {
namespace {

#if defined(_WIN32)
std::uint64_t count_bytes() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : 0;
}
#elif defined(__APPLE__)
std::uint64_t count_bytes() {
  std::uint64_t bytes = 0;
  std::size_t size = sizeof bytes;
  return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}
#elif defined(__linux__)
std::uint64_t count_bytes() {
  const auto pages = static_cast<double>(sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return pages > 0 ? static_cast<std::uint64_t>(std::min(pages * page, memory_limit("/"))) : 0;
}

/// Of a folder of control groups, of either version; infinity: it has none.
double limit_of(const std::filesystem::path& group) {
  for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {  // "max" stands for none
    std::ifstream file(group / name);
    if (double bytes = 0; file >> bytes && bytes > 0) return bytes;
  }
  return INFINITY;
}
#else
std::uint64_t count_bytes() { return 0; }
#endif

}  // namespace

#ifdef __linux__
double memory_limit(const std::filesystem::path& root) { return smallest_limit("memory", limit_of, root); }
#endif

std::uint64_t usable_memory() noexcept {
  try {
    return count_bytes();
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace demucs_ort
