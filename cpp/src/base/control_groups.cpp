#include "base/control_groups.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

namespace demucs_ort {
namespace {

namespace fs = std::filesystem;
using LimitOf = double (*)(const fs::path& group);

/// Of a group and all that it lies in.
double limit_up_to(const fs::path& mount, const fs::path& group, LimitOf limit_of) {
  double least = limit_of(mount);
  fs::path folder = mount;
  for (const auto& part : group.relative_path()) least = std::min(least, limit_of(folder /= part));
  return least;
}

}  // namespace

double smallest_limit(const std::string& controller, LimitOf limit_of, const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  double least = INFINITY;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // number:controllers:/group
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") {
      least = std::min({least, limit_up_to(mounts, group, limit_of), limit_up_to(mounts / "unified", group, limit_of)});
    } else if (controllers.find("," + controller + ",") != std::string::npos) {
      least = std::min(least, limit_up_to(mounts / controller, group, limit_of));
    }
  }
  return least;
}

}  // namespace demucs_ort
