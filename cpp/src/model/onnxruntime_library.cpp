#include "model/onnxruntime_library.hpp"

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "demucs_ort/error.hpp"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace demucs_ort {
namespace {

constexpr const char* variable = "DEMUCS_ORT_ONNXRUNTIME";

#ifdef _WIN32
const std::vector<std::filesystem::path> system_names{"onnxruntime.dll"};

void* open_library(const std::filesystem::path& path, std::string& reason) {
  HMODULE library = LoadLibraryW(path.c_str());
  if (library == nullptr) reason = "'" + path.string() + "': Windows error " + std::to_string(GetLastError());
  return reinterpret_cast<void*>(library);
}

void* find_entry_point(void* library) {
  return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(library), "OrtGetApiBase"));
}
#else
#ifdef __APPLE__
const std::vector<std::filesystem::path> system_names{"libonnxruntime.dylib"};
#else
const std::vector<std::filesystem::path> system_names{"libonnxruntime.so.1", "libonnxruntime.so"};
#endif

void* open_library(const std::filesystem::path& path, std::string& reason) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) reason = dlerror();
  return library;
}

void* find_entry_point(void* library) { return dlsym(library, "OrtGetApiBase"); }
#endif

std::vector<std::filesystem::path> candidates(const std::filesystem::path& wanted) {
  if (const char* named = std::getenv(variable); named != nullptr && *named != '\0') return {named};
  if (!wanted.empty()) return {wanted};
#ifdef DEMUCS_ORT_DEFAULT_ONNXRUNTIME
  std::vector<std::filesystem::path> all{DEMUCS_ORT_DEFAULT_ONNXRUNTIME};
#else
  std::vector<std::filesystem::path> all;
#endif
  all.insert(all.end(), system_names.begin(), system_names.end());
  return all;
}

}  // namespace

void* onnxruntime_entry_point(const std::filesystem::path& wanted) {
  static std::mutex mutex;
  static void* entry_point = nullptr;
  static std::filesystem::path loaded;
  const std::lock_guard lock(mutex);

  const auto paths = candidates(wanted);
  if (entry_point != nullptr) {
    if (paths.size() == 1 && paths[0] != loaded) {
      throw Error(Status::runtime_missing, "this process already uses the ONNX Runtime library '" + loaded.string() +
                                               "', so '" + paths[0].string() + "' cannot be used as well");
    }
    return entry_point;
  }
  std::string tried;
  for (const auto& path : paths) {
    std::string reason = "'" + path.string() + "' is not ONNX Runtime";
    if (void* library = open_library(path, reason); library != nullptr) {
      entry_point = find_entry_point(library);
      loaded = path;
      if (entry_point != nullptr) return entry_point;
    }
    tried += (tried.empty() ? "" : "; ") + reason;
  }
  throw Error(Status::runtime_missing, "no ONNX Runtime library could be loaded (" + tried +
                                           "); install ONNX Runtime 1.21 or later, or name its shared library in " +
                                           variable);
}

}  // namespace demucs_ort
