#include "model/provider_plugin.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "base/process.hpp"
#include "base/utf8.hpp"
#include "base/utf8_text.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "model/newest_api.hpp"
#include "model/provider_settings.hpp"
#include "model/runtime_log.hpp"

// ONNX Runtime declares these from 1.22 on.
struct OrtEpDevice;
struct OrtHardwareDevice;

namespace demucs_ort {
namespace {

namespace fs = std::filesystem;

/// The first version of ONNX Runtime's C interface that published plug-ins accept: that of 1.23.
constexpr std::uint32_t plugin_api = 23;

/// The functions for plug-ins in ONNX Runtime's table, which headers before 1.22 do not have. The table only grows at
/// its end, so they have the same places in every later version.
struct PluginFunctions {
  using Devices = const OrtEpDevice* const*;
  using Texts = const char* const*;

  std::array<void*, 301> before;
  OrtStatus*(ORT_API_CALL* RegisterExecutionProviderLibrary)(OrtEnv*, const char* name, const ORTCHAR_T* path);
  void* UnregisterExecutionProviderLibrary;
  OrtStatus*(ORT_API_CALL* GetEpDevices)(const OrtEnv*, Devices* devices, std::size_t* count);
  OrtStatus*(ORT_API_CALL* SessionOptionsAppendExecutionProvider_V2)(OrtSessionOptions*, OrtEnv*, Devices devices,
                                                                     std::size_t device_count, Texts keys, Texts values,
                                                                     std::size_t option_count);
  std::array<void*, 2> selection_policies;
  int(ORT_API_CALL* HardwareDevice_Type)(const OrtHardwareDevice*);
  std::array<void*, 4> facts_of_hardware;
  const char*(ORT_API_CALL* EpDevice_EpName)(const OrtEpDevice*);
  std::array<void*, 3> facts_of_provider;
  const OrtHardwareDevice*(ORT_API_CALL* EpDevice_Device)(const OrtEpDevice*);
};

#if ORT_API_VERSION >= 22
#define DEMUCS_ORT_SAME_PLACE(name) static_assert(offsetof(PluginFunctions, name) == offsetof(OrtApi, name))
DEMUCS_ORT_SAME_PLACE(RegisterExecutionProviderLibrary);
DEMUCS_ORT_SAME_PLACE(GetEpDevices);
DEMUCS_ORT_SAME_PLACE(SessionOptionsAppendExecutionProvider_V2);
DEMUCS_ORT_SAME_PLACE(HardwareDevice_Type);
DEMUCS_ORT_SAME_PLACE(EpDevice_EpName);
DEMUCS_ORT_SAME_PLACE(EpDevice_Device);
#undef DEMUCS_ORT_SAME_PLACE
#else
static_assert(sizeof(OrtApi) == 285 * sizeof(void*) && sizeof(PluginFunctions) == 317 * sizeof(void*));
#endif

/// A library that is loaded, with the devices that its providers can use.
struct Plugin {
  const PluginFunctions* functions;
  Ort::Env environment;
  std::vector<const OrtEpDevice*> devices;
  Process process;

  std::string name(const OrtEpDevice* device) const { return utf8_text(functions->EpDevice_EpName(device)); }
  /// Index into `device_types`.
  std::size_t type(const OrtEpDevice* device) const {
    return static_cast<std::size_t>(functions->HardwareDevice_Type(functions->EpDevice_Device(device)));
  }
};

constexpr std::array<const char*, 3> device_types{"CPU", "GPU", "NPU"};

struct Plugins {
  std::mutex mutex;
  std::map<fs::path, Plugin> loaded;
};

/// They are never destroyed: what a plug-in has started may outlive every session.
Plugins& plugins() {
  static auto& all = *new Plugins;
  return all;
}

/// The same for all spellings of a path, and absolute, as ONNX Runtime needs it.
fs::path key_of(const fs::path& library) {
  std::error_code error;
  auto canonical = fs::weakly_canonical(library, error);
  return error ? library : canonical;
}

Error unusable(const fs::path& library, const std::string& reason) {
  return {Status::runtime_missing, "the provider library '" + utf8(library) + "' cannot be used: " + reason};
}

const PluginFunctions& plugin_functions(const OrtApiBase& runtime, const fs::path& library) {
  const OrtApi* const api = newest_api(runtime) < plugin_api ? nullptr : runtime.GetApi(plugin_api);
  if (api == nullptr) {
    throw unusable(library, std::string("it needs ONNX Runtime 1.23 or later, and this is ") +
                                runtime.GetVersionString() + "; name a newer one in DEMUCS_ORT_ONNXRUNTIME");
  }
  return *reinterpret_cast<const PluginFunctions*>(api);
}

std::vector<const OrtEpDevice*> all_devices(const PluginFunctions& functions, const Ort::Env& environment) {
  PluginFunctions::Devices first = nullptr;
  std::size_t count = 0;
  Ort::ThrowOnError(functions.GetEpDevices(environment, &first, &count));
  return {first, first + count};
}

Plugin load(const PluginFunctions& functions, const fs::path& library) {
  Plugin plugin{&functions, make_environment(), {}, {}};
  try {
    const auto before = all_devices(functions, plugin.environment);
    const auto name = "demucs_ort: " + utf8(library);
    Ort::ThrowOnError(functions.RegisterExecutionProviderLibrary(plugin.environment, name.c_str(), library.c_str()));
    for (const OrtEpDevice* device : all_devices(functions, plugin.environment)) {
      const bool is_new = std::find(before.begin(), before.end(), device) == before.end();
      // OpenVINO's combinations of devices, such as ...Provider.AUTO, choose the precision, too.
      const bool is_one = plugin.name(device).find('.') == std::string::npos;
      if (is_new && is_one && plugin.type(device) < device_types.size()) plugin.devices.push_back(device);
    }
  } catch (const Ort::Exception& failure) {
    throw unusable(library, "ONNX Runtime refuses it as a library of providers (" + utf8_text(failure.what()) + ")");
  }
  return plugin;
}

const Plugin& find_plugin(const fs::path& library) {
  auto& all = plugins();
  const std::lock_guard lock(all.mutex);
  return all.loaded.at(key_of(library));
}

/// "CPU", "GPU" or "NPU"; the second of a kind is "GPU.1" and so on.
using NamedDevices = std::map<std::string, const OrtEpDevice*>;

NamedDevices devices_of(const Plugin& plugin, const std::string& runtime_name) {
  std::array<std::size_t, device_types.size()> found{};
  NamedDevices devices;
  for (const OrtEpDevice* device : plugin.devices) {
    if (plugin.name(device) != runtime_name) continue;
    const std::size_t type = plugin.type(device);
    const std::string number = found[type] == 0 ? "" : "." + std::to_string(found[type]);
    devices[device_types[type] + number] = device;
    ++found[type];
  }
  return devices;
}

const OrtEpDevice* choose_device(const NamedDevices& devices, const std::string& wanted, const std::string& provider) {
  const std::vector<std::string> tried =
      wanted.empty() ? std::vector<std::string>{"GPU", "NPU", "CPU"} : std::vector<std::string>{wanted};
  for (const auto& name : tried) {
    if (const auto found = devices.find(name); found != devices.end()) return found->second;
  }
  std::string there;
  for (const auto& [name, device] : devices) there += (there.empty() ? "" : ", ") + name;
  throw Error(Status::runtime_missing, "the provider " + provider + " finds no device '" + wanted +
                                           "' on this machine, only " + there + "; name one of these as device_type");
}

}  // namespace

void load_provider_plugin(const OrtApiBase& runtime, const fs::path& library) {
  const auto& functions = plugin_functions(runtime, library);
  const auto key = key_of(library);
  auto& all = plugins();
  const std::lock_guard lock(all.mutex);
  if (all.loaded.count(key) != 0) return;
  std::error_code error;
  if (!fs::is_regular_file(key, error)) throw unusable(library, "there is no such file");
  all.loaded.emplace(key, load(functions, key));
}

std::vector<std::string> plugin_providers(const fs::path& library) {
  const auto& plugin = find_plugin(library);
  std::vector<std::string> names;
  for (const OrtEpDevice* device : plugin.devices) {
    const auto name = plugin.name(device);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

void add_plugin_provider(Ort::SessionOptions& session, const std::string& runtime_name, const std::string& provider,
                         const ModelOptions& options) {
  const auto& plugin = find_plugin(options.provider_library);
  if (plugin.process.has_forked()) {
    throw Error(Status::runtime_failed, "this process was forked from one that had loaded the provider library '" +
                                            utf8(options.provider_library) +
                                            "', whose threads it does not have; load the model in a new process");
  }
  auto settings = provider_settings(provider, options);
  const auto wanted = settings.extract("device_type");
  const OrtEpDevice* const device =
      choose_device(devices_of(plugin, runtime_name), wanted ? wanted.mapped() : "", provider);
  // Otherwise what the plug-in turns down would be computed, unnoticed, by ONNX Runtime itself.
  session.AddConfigEntry("session.disable_cpu_ep_fallback", "1");
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : settings) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  Ort::ThrowOnError(plugin.functions->SessionOptionsAppendExecutionProvider_V2(
      session, plugin.environment, &device, 1, keys.data(), values.data(), keys.size()));
}

}  // namespace demucs_ort
