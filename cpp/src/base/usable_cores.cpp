#include "base/usable_cores.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#if defined(_WIN32)
#include "base/windows.hpp"
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <sched.h>

#include "base/control_groups.hpp"
#endif

namespace demucs_ort {
namespace {

namespace fs = std::filesystem;

#if defined(_WIN32)
unsigned count_cores() {
  DWORD_PTR mine = 0, all = 0;
  DWORD bytes = 0;
  GetLogicalProcessorInformation(nullptr, &bytes);
  std::vector<SYSTEM_LOGICAL_PROCESSOR_INFORMATION> facts(bytes / sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION));
  if (!GetProcessAffinityMask(GetCurrentProcess(), &mine, &all) ||
      !GetLogicalProcessorInformation(facts.data(), &bytes)) {
    return std::thread::hardware_concurrency();
  }
  return static_cast<unsigned>(std::count_if(facts.begin(), facts.end(), [&](const auto& fact) {
    return fact.Relationship == RelationProcessorCore && (fact.ProcessorMask & mine) != 0;
  }));
}
#elif defined(__APPLE__)
unsigned count_cores() {
  int cores = 0;
  std::size_t size = sizeof cores;
  if (sysctlbyname("hw.physicalcpu", &cores, &size, nullptr, 0) != 0) return std::thread::hardware_concurrency();
  return static_cast<unsigned>(cores);
}
#elif defined(__linux__)
std::vector<unsigned> processors_of_mask() {
  std::vector<unsigned> processors;
  // A mask that is too small for the system's processors is refused.
  for (std::size_t count = CPU_SETSIZE; count <= CPU_SETSIZE * 64; count *= 2) {
    std::vector<cpu_set_t> mask(count / CPU_SETSIZE);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) != 0) continue;
    for (unsigned i = 0; i < count; ++i) {
      if (CPU_ISSET_S(i, bytes, mask.data())) processors.push_back(i);
    }
    break;
  }
  return processors;
}

unsigned count_cores() {
  const auto processors = processors_of_mask();
  const unsigned cores = processors.empty() ? std::thread::hardware_concurrency() : physical_cores(processors, "/");
  const unsigned paid = quota("/");
  return paid == 0 ? cores : std::min(cores, paid);
}
#else
unsigned count_cores() { return std::thread::hardware_concurrency(); }
#endif

}  // namespace

#ifdef __linux__
unsigned physical_cores(const std::vector<unsigned>& processors, const fs::path& root) {
  std::set<std::string> cores;
  for (const unsigned processor : processors) {
    const std::string name = "cpu" + std::to_string(processor);
    std::ifstream file(root / "sys/devices/system/cpu" / name / "topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) ? siblings : name);
  }
  return static_cast<unsigned>(cores.size());
}

namespace {

/// Of a folder of control groups, of either version; infinity: it has none.
double quota_of(const fs::path& group) {
  double microseconds = 0, period = 0;
  // "max 100000" and -1 stand for none.
  if (std::ifstream file(group / "cpu.max"); !(file >> microseconds >> period)) {
    std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
    if (!(quota_file >> microseconds) || !(period_file >> period)) return INFINITY;
  }
  return microseconds > 0 && period > 0 ? microseconds / period : INFINITY;
}

}  // namespace

unsigned quota(const fs::path& root) {
  const double least = smallest_limit("cpu", quota_of, root);
  return least < 4096 ? static_cast<unsigned>(std::ceil(least)) : 0;
}
#endif

unsigned usable_cores() noexcept {
  try {
    return std::max(1U, count_cores());
  } catch (const std::exception&) {
    return std::max(1U, std::thread::hardware_concurrency());
  }
}

}  // namespace demucs_ort
