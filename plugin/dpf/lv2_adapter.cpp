// What DPF lacks in LV2: hosts without options, worker threads, event ports (FFmpeg, lv2file) or any feature at all
// (lv2apply), and paths that move with a session (state:mapPath). Everything else passes through.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/model_file.hpp"
#include "lv2/atom.h"
#include "lv2/buf-size.h"
#include "lv2/lv2.h"
#include "lv2/options.h"
#include "lv2/state.h"
#include "lv2/urid.h"
#include "lv2/worker.h"
#include "parameters.hpp"

extern "C" const LV2_Descriptor* dpf_lv2_descriptor(std::uint32_t index);

namespace {

using demucs_ort::plugin::is_multi_out;

// DPF's order of ports: audio in, audio out, events in, events out, and then the rest.
constexpr std::uint32_t events_in = 2 + (is_multi_out ? 8 : 2);
constexpr std::uint32_t events_out = events_in + 1;

const LV2_Descriptor& dpf() { return *dpf_lv2_descriptor(0); }

/// What the event ports are connected to until the host connects its own: DPF reads and writes them without asking.
struct EventPorts {
  LV2_Atom_Sequence in{{sizeof(LV2_Atom_Sequence_Body), 0}, {0, 0}};
  struct {
    LV2_Atom_Sequence sequence{{0, 0}, {0, 0}};
    std::uint8_t room[4096];
  } out;
};

/// An instance as hosts hold it.
struct Instance {
  LV2_Handle dpf = nullptr;
  EventPorts ports;
  LV2_URID path_type = 0;    // the host's number of atom:Path
  LV2_URID string_type = 0;  // and of atom:String
};

Instance& as_instance(LV2_Handle handle) { return *static_cast<Instance*>(handle); }

/// Numbers for URIs, in hosts that have none.
LV2_URID own_urid(LV2_URID_Map_Handle, const char* uri) {
  static std::mutex mutex;
  static std::map<std::string, LV2_URID> urids;
  const std::lock_guard lock(mutex);
  return urids.emplace(uri, static_cast<LV2_URID>(urids.size() + 1)).first->second;
}

LV2_Worker_Status refuse_work(LV2_Worker_Schedule_Handle, std::uint32_t, const void*) { return LV2_WORKER_ERR_UNKNOWN; }

const void* feature(const LV2_Feature* const* features, const char* uri) {
  for (; features != nullptr && *features != nullptr; ++features) {
    if ((*features)->URI != nullptr && std::strcmp((*features)->URI, uri) == 0) return (*features)->data;
  }
  return nullptr;
}

/// A port of the host, or none: then it is one of ours.
void connect_port(LV2_Handle handle, std::uint32_t port, void* data) {
  Instance& instance = as_instance(handle);
  if (data == nullptr && port == events_in) data = &instance.ports.in;
  if (data == nullptr && port == events_out) data = &instance.ports.out.sequence;
  dpf().connect_port(instance.dpf, port, data);
}

LV2_Handle instantiate(const LV2_Descriptor*, double rate, const char* bundle, const LV2_Feature* const* features) {
  static const LV2_Worker_Schedule no_worker{nullptr, refuse_work};
  static const LV2_Feature no_worker_feature{LV2_WORKER__schedule, const_cast<LV2_Worker_Schedule*>(&no_worker)};
  static const LV2_URID_Map own_map{nullptr, own_urid};
  static const LV2_Feature own_map_feature{LV2_URID__map, const_cast<LV2_URID_Map*>(&own_map)};
  std::vector<const LV2_Feature*> all;
  for (const auto* each = features; each != nullptr && *each != nullptr; ++each) {
    if ((*each)->URI != nullptr) all.push_back(*each);  // lv2file has one without
  }
  if (feature(features, LV2_WORKER__schedule) == nullptr) all.push_back(&no_worker_feature);
  const auto* map = static_cast<const LV2_URID_Map*>(feature(features, LV2_URID__map));
  if (map == nullptr) {
    map = &own_map;
    all.push_back(&own_map_feature);
  }
  // Of a host without options DPF asks for the length of its blocks; the plug-in takes any.
  const std::int32_t block = 1024;
  LV2_Options_Option options[2] = {};
  options[0].key = map->map(map->handle, LV2_BUF_SIZE__nominalBlockLength);
  options[0].size = sizeof(block);
  options[0].type = map->map(map->handle, LV2_ATOM__Int);
  options[0].value = &block;
  const LV2_Feature options_feature{LV2_OPTIONS__options, options};
  if (feature(features, LV2_OPTIONS__options) == nullptr) all.push_back(&options_feature);
  all.push_back(nullptr);
  try {
    auto instance = std::make_unique<Instance>();
    instance->dpf = dpf().instantiate(&dpf(), rate, bundle, all.data());
    if (instance->dpf == nullptr) return nullptr;
    instance->path_type = map->map(map->handle, LV2_ATOM__Path);
    instance->string_type = map->map(map->handle, LV2_ATOM__String);
    connect_port(instance.get(), events_in, nullptr);
    connect_port(instance.get(), events_out, nullptr);
    return instance.release();
  } catch (const std::exception&) {
    return nullptr;  // no thread, no memory: all that LV2 lets us say
  }
}

void activate(LV2_Handle handle) { dpf().activate(as_instance(handle).dpf); }

void run(LV2_Handle handle, std::uint32_t frames) {
  Instance& instance = as_instance(handle);
  instance.ports.out.sequence.atom.size = sizeof(instance.ports.out.room);  // what fits, as hosts say each time
  dpf().run(instance.dpf, frames);
}

void deactivate(LV2_Handle handle) { dpf().deactivate(as_instance(handle).dpf); }

void cleanup(LV2_Handle handle) {
  const std::unique_ptr<Instance> instance(&as_instance(handle));
  dpf().cleanup(instance->dpf);
}

// ----------------------------------------------------------------------------------------------- options and worker

template <typename Interface>
const Interface& dpf_interface(const char* uri) {
  return *static_cast<const Interface*>(dpf().extension_data(uri));
}

std::uint32_t get_options(LV2_Handle handle, LV2_Options_Option* options) {
  return dpf_interface<LV2_Options_Interface>(LV2_OPTIONS__interface).get(as_instance(handle).dpf, options);
}

std::uint32_t set_options(LV2_Handle handle, const LV2_Options_Option* options) {
  return dpf_interface<LV2_Options_Interface>(LV2_OPTIONS__interface).set(as_instance(handle).dpf, options);
}

LV2_Worker_Status work(LV2_Handle handle, LV2_Worker_Respond_Function respond, LV2_Worker_Respond_Handle to,
                       std::uint32_t size, const void* data) {
  const auto& worker = dpf_interface<LV2_Worker_Interface>(LV2_WORKER__interface);
  return worker.work(as_instance(handle).dpf, respond, to, size, data);
}

LV2_Worker_Status work_response(LV2_Handle handle, std::uint32_t size, const void* data) {
  const auto& worker = dpf_interface<LV2_Worker_Interface>(LV2_WORKER__interface);
  return worker.work_response(as_instance(handle).dpf, size, data);
}

// ------------------------------------------------------------------------------------------------------------ paths

/// DPF stores and retrieves through this, and paths are mapped on the way.
struct PathMapping {
  const LV2_State_Map_Path* map;
  LV2_State_Store_Function store;
  LV2_State_Retrieve_Function retrieve;
  LV2_State_Handle handle;
  LV2_URID path_type;
  LV2_URID string_type;
  std::vector<std::string> restored;  // what DPF has been given, until the call is over
};

std::string taken(char* from_host) {
  const std::string text = from_host == nullptr ? "" : from_host;
  std::free(from_host);
  return text;
}

LV2_State_Status store(LV2_State_Handle handle, std::uint32_t key, const void* value, std::size_t size,
                       std::uint32_t type, std::uint32_t flags) {
  auto& mapping = *static_cast<PathMapping*>(handle);
  std::string path = type == mapping.path_type ? static_cast<const char*>(value) : "";
  // Hosts write an empty path as <>, which they read as the file that it is written in.
  if (path.empty() && type == mapping.path_type) type = mapping.string_type;
  if (path.empty() || mapping.map == nullptr) return mapping.store(mapping.handle, key, value, size, type, flags);
  try {
    path = demucs_ort::plugin::model_file(path).string();  // hosts map absolute paths only
  } catch (const std::exception&) {
    // The file is not there now; the session keeps what it was called.
  }
  path = taken(mapping.map->abstract_path(mapping.map->handle, path.c_str()));
  return mapping.store(mapping.handle, key, path.c_str(), path.size() + 1, type, flags);
}

const void* retrieve(LV2_State_Handle handle, std::uint32_t key, std::size_t* size, std::uint32_t* type,
                     std::uint32_t* flags) {
  auto& mapping = *static_cast<PathMapping*>(handle);
  const void* const value = mapping.retrieve(mapping.handle, key, size, type, flags);
  if (value == nullptr || *size == 0) return value;
  if (*static_cast<const char*>(value) == '\0') *type = mapping.path_type;
  if (*static_cast<const char*>(value) == '\0' || *type != mapping.path_type || mapping.map == nullptr) return value;
  mapping.restored.push_back(taken(mapping.map->absolute_path(mapping.map->handle, static_cast<const char*>(value))));
  *size = mapping.restored.back().size() + 1;
  return mapping.restored.back().c_str();
}

PathMapping mapping_of(const Instance& instance, const LV2_Feature* const* features) {
  PathMapping mapping{};
  mapping.map = static_cast<const LV2_State_Map_Path*>(feature(features, LV2_STATE__mapPath));
  mapping.path_type = instance.path_type;
  mapping.string_type = instance.string_type;
  return mapping;
}

LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store_in_host, LV2_State_Handle host,
                      std::uint32_t flags, const LV2_Feature* const* features) {
  PathMapping mapping = mapping_of(as_instance(handle), features);
  mapping.store = store_in_host;
  mapping.handle = host;
  const auto& state = dpf_interface<LV2_State_Interface>(LV2_STATE__interface);
  return state.save(as_instance(handle).dpf, store, &mapping, flags, features);
}

LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve_from_host, LV2_State_Handle host,
                         std::uint32_t flags, const LV2_Feature* const* features) {
  PathMapping mapping = mapping_of(as_instance(handle), features);
  mapping.retrieve = retrieve_from_host;
  mapping.handle = host;
  mapping.restored.reserve(8);  // so that none moves
  const auto& state = dpf_interface<LV2_State_Interface>(LV2_STATE__interface);
  return state.restore(as_instance(handle).dpf, retrieve, &mapping, flags, features);
}

/// The interfaces that the .ttl files name.
const void* extension_data(const char* uri) {
  static const LV2_Options_Interface options{get_options, set_options};
  static const LV2_State_Interface state{save, restore};
  static const LV2_Worker_Interface worker{work, work_response, nullptr};
  if (std::strcmp(uri, LV2_OPTIONS__interface) == 0) return &options;
  if (std::strcmp(uri, LV2_STATE__interface) == 0) return &state;
  if (std::strcmp(uri, LV2_WORKER__interface) == 0) return &worker;
  return nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const LV2_Descriptor* lv2_descriptor(std::uint32_t index) {
  if (index != 0) return nullptr;
  static const LV2_Descriptor descriptor{dpf().URI, instantiate, connect_port, activate,
                                         run,       deactivate,  cleanup,      extension_data};
  return &descriptor;
}
