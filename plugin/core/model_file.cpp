#include "core/model_file.hpp"

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/environment.hpp"
#include "base/utf8.hpp"
#include "demucs_ort/error.hpp"

#ifdef _WIN32
#include "base/windows.hpp"
#else
#include <dlfcn.h>
#endif

namespace fs = std::filesystem;

namespace demucs_ort::plugin {
namespace {

std::vector<fs::path> folders() {
  std::vector<fs::path> all;
  for (const auto& folder : {own_folder(), user_models()}) {
    if (!folder.empty()) all.push_back(folder);
  }
  return all;
}

bool is_file(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error);
}

}  // namespace

fs::path own_folder() {
#ifdef _WIN32
  HMODULE module = nullptr;
  wchar_t name[MAX_PATH];
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                     reinterpret_cast<const wchar_t*>(&own_folder), &module);
  const DWORD length = GetModuleFileNameW(module, name, MAX_PATH);
  return length == 0 || length == MAX_PATH ? fs::path() : fs::path(name).parent_path();
#else
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file.parent_path();
#endif
}

fs::path user_models() {
#ifdef _WIN32
  const fs::path base = path_of_variable("LOCALAPPDATA");
  return base.empty() ? fs::path() : base / "demucs-ort" / "models";
#else
  const fs::path data = path_of_variable("XDG_DATA_HOME");
  if (data.is_absolute()) return data / "demucs-ort/models";
  const fs::path home = path_of_variable("HOME");
  return home.empty() ? fs::path() : home / ".local/share/demucs-ort/models";
#endif
}

fs::path model_file(const std::string& name) {
  const fs::path wanted = name.empty() ? fs::path("htdemucs_demo.onnx") : utf8_path(name);
  if (wanted.is_absolute()) {
    if (is_file(wanted)) return wanted;
    throw Error(Status::bad_model, "there is no model file '" + name + "'; choose another one");
  }
  std::string tried;
  for (const auto& folder : folders()) {
    if (is_file(folder / wanted)) return folder / wanted;
    tried += (tried.empty() ? "'" : "' nor in '") + utf8(folder);
  }
  if (name.empty() && is_file(BUILT_DEMO_MODEL)) return BUILT_DEMO_MODEL;
  throw Error(Status::bad_model,
              "there is no model file '" + utf8(wanted) + "' in " + tried + "'; put it there, or choose another one");
}

std::string portable_name(const std::string& name) {
  const fs::path file = utf8_path(name);
  for (const auto& folder : folders()) {
    const fs::path inside = file.lexically_relative(folder);
    if (!inside.empty() && *inside.begin() != ".." && *inside.begin() != ".") return utf8(inside);
  }
  return name;
}

}  // namespace demucs_ort::plugin
