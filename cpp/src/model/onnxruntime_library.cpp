#include "model/onnxruntime_library.hpp"

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/utf8.hpp"
#include "demucs_ort/error.hpp"

#ifdef _WIN32
#include "base/windows.hpp"
#else
#include <dlfcn.h>
#endif
#ifdef __linux__
#include <link.h>

#include <system_error>
#endif

namespace demucs_ort {
namespace {

constexpr const char* variable = "DEMUCS_ORT_ONNXRUNTIME";

#ifdef _WIN32
const std::vector<std::filesystem::path> system_names{"onnxruntime.dll"};

void* open_library(const std::filesystem::path& path, std::string& reason) {
  HMODULE library = LoadLibraryW(path.c_str());
  if (library == nullptr) reason = "'" + utf8(path) + "': Windows error " + std::to_string(GetLastError());
  return reinterpret_cast<void*>(library);
}

void* find_entry_point(void* library) {
  return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(library), "OrtGetApiBase"));
}

void close_library(void* library) { FreeLibrary(reinterpret_cast<HMODULE>(library)); }

/// Whether the library, which is loaded, goes by this name, too.
bool is_same(void* library, const std::filesystem::path& path) {
  return reinterpret_cast<void*>(GetModuleHandleW(path.c_str())) == library;
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

void close_library(void* library) { dlclose(library); }

/// Whether the library, which is loaded, goes by this name, too: a symlink, a relative path, its soname.
bool is_same(void* library, const std::filesystem::path& path) {
  void* const found = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (found != nullptr) dlclose(found);
  return found == library;
}
#endif

std::vector<std::filesystem::path> candidates(const std::filesystem::path& wanted) {
  if (auto named = path_of_variable(variable); !named.empty()) return {std::move(named)};
  if (!wanted.empty()) return {wanted};
#ifdef DEMUCS_ORT_DEFAULT_ONNXRUNTIME
  std::vector<std::filesystem::path> all{utf8_path(DEMUCS_ORT_DEFAULT_ONNXRUNTIME)};
#else
  std::vector<std::filesystem::path> all;
#endif
  all.insert(all.end(), system_names.begin(), system_names.end());
  return all;
}

}  // namespace

std::filesystem::path tie_of_another_runtime([[maybe_unused]] const void* ours) {
  std::filesystem::path found;
#ifdef __linux__
  constexpr const char* name = "libonnxruntime_providers_shared.so";
  void* const first = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
  if (first == nullptr) return found;
  const link_map* loaded = nullptr;
  Dl_info runtime{};
  if (dlinfo(first, RTLD_DI_LINKMAP, &loaded) == 0 && dladdr(ours, &runtime) != 0) {
    std::error_code no_such_file;
    const auto own = std::filesystem::path(runtime.dli_fname).replace_filename(name);
    if (!std::filesystem::equivalent(loaded->l_name, own, no_such_file)) found = loaded->l_name;
  }
  dlclose(first);
#endif
  return found;
}

LoadedLibrary load_onnxruntime(const std::vector<std::filesystem::path>& candidates, CheckOnnxruntime check) {
  std::string tried;
  for (const auto& path : candidates) {
    std::string reason;
    if (void* const library = open_library(path, reason); library != nullptr) {
      void* const entry_point = find_entry_point(library);
      const std::string problem = entry_point == nullptr ? "is not ONNX Runtime" : check(entry_point);
      if (problem.empty()) return {path, library, entry_point};
      reason = "'" + utf8(path) + "' " + problem;
      close_library(library);
    }
    tried += (tried.empty() ? "" : "; ") + reason;
  }
  throw Error(Status::runtime_missing, "no ONNX Runtime library could be loaded (" + tried +
                                           "); install ONNX Runtime 1.21 or later, or name its shared library in " +
                                           variable);
}

void* onnxruntime_entry_point(const std::filesystem::path& wanted, CheckOnnxruntime check) {
  static std::mutex mutex;
  static std::optional<LoadedLibrary> loaded;
  const std::lock_guard lock(mutex);
  const auto paths = candidates(wanted);
  if (!loaded) {
    loaded = load_onnxruntime(paths, check);
  } else if (paths.size() == 1 && !is_same(loaded->handle, paths[0])) {
    throw Error(Status::runtime_missing, "this process already uses the ONNX Runtime library '" + utf8(loaded->path) +
                                             "', so '" + utf8(paths[0]) + "' cannot be used as well");
  }
  return loaded->entry_point;
}

}  // namespace demucs_ort
