#include "program_path.hpp"

#include <filesystem>
#include <system_error>

#if defined(_WIN32)
#include <string>

#include "base/windows.hpp"
#elif defined(__APPLE__)
#include <mach-o/dyld.h>

#include <cstdint>
#include <string>
#endif

namespace fs = std::filesystem;

fs::path program_path() {
  std::error_code error;
#if defined(_WIN32)
  std::wstring name(MAX_PATH, L'\0');
  for (;;) {
    const DWORD length = GetModuleFileNameW(nullptr, name.data(), static_cast<DWORD>(name.size()));
    if (length < name.size()) return name.substr(0, length);  // of 0 letters, too
    name.resize(2 * name.size());
  }
#elif defined(__APPLE__)
  std::uint32_t size = 0;
  _NSGetExecutablePath(nullptr, &size);
  std::string name(size, '\0');
  if (_NSGetExecutablePath(name.data(), &size) != 0) return {};
  return fs::canonical(name.c_str(), error);
#else
  return fs::read_symlink("/proc/self/exe", error);
#endif
}
