// What DPF lacks in CLAP: the extension "clap.render", by which hosts say that they render. Everything else passes
// through.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

#include "clap/entry.h"
#include "clap/plugin-factory.h"
#include "clap/plugin.h"
#include "host_renders.hpp"

extern const clap_plugin_entry_t dpf_clap_entry;

namespace {

// As CLAP 1 defines it (clap/ext/render.h), which DPF does not ship.
constexpr const char* render_extension = "clap.render";
constexpr std::int32_t render_offline = 1;
struct PluginRender {
  bool(CLAP_ABI* has_hard_realtime_requirement)(const clap_plugin_t*);
  bool(CLAP_ABI* set)(const clap_plugin_t*, std::int32_t mode);
};

/// An instance: DPF's functions with DPF's data, but for four.
struct Adapted {
  clap_plugin_t plugin;  // first: hosts hand back its address
  const clap_plugin_t* dpf;
  std::atomic<bool> offline{false};
};

Adapted& adapted(const clap_plugin_t* plugin) {
  return *reinterpret_cast<Adapted*>(const_cast<clap_plugin_t*>(plugin));
}

bool has_hard_realtime_requirement(const clap_plugin_t*) { return false; }

bool set_render_mode(const clap_plugin_t* plugin, std::int32_t mode) {
  adapted(plugin).offline.store(mode == render_offline, std::memory_order_relaxed);
  return true;
}

const void* get_extension(const clap_plugin_t* plugin, const char* id) {
  static const PluginRender render{has_hard_realtime_requirement, set_render_mode};
  if (std::strcmp(id, render_extension) == 0) return &render;
  return adapted(plugin).dpf->get_extension(plugin, id);
}

clap_process_status process(const clap_plugin_t* plugin, const clap_process_t* data) {
  demucs_ort::plugin::host_renders = adapted(plugin).offline.load(std::memory_order_relaxed);
  const clap_process_status status = adapted(plugin).dpf->process(plugin, data);
  demucs_ort::plugin::host_renders = false;
  return status;
}

void destroy(const clap_plugin_t* plugin) {
  const Adapted* const instance = &adapted(plugin);
  instance->dpf->destroy(instance->dpf);
  delete instance;
}

const clap_plugin_factory_t& dpf_factory() {
  return *static_cast<const clap_plugin_factory_t*>(dpf_clap_entry.get_factory(CLAP_PLUGIN_FACTORY_ID));
}

std::uint32_t count(const clap_plugin_factory_t*) { return dpf_factory().get_plugin_count(&dpf_factory()); }

const clap_plugin_descriptor_t* descriptor(const clap_plugin_factory_t*, std::uint32_t index) {
  return dpf_factory().get_plugin_descriptor(&dpf_factory(), index);
}

const clap_plugin_t* create(const clap_plugin_factory_t*, const clap_host_t* host, const char* id) try {
  const clap_plugin_descriptor_t* const own = descriptor(nullptr, 0);
  if (id == nullptr || own == nullptr || std::strcmp(id, own->id) != 0) return nullptr;
  const clap_plugin_t* const dpf = dpf_factory().create_plugin(&dpf_factory(), host, id);
  if (dpf == nullptr) return nullptr;
  auto* const instance = new Adapted{*dpf, dpf};
  instance->plugin.destroy = destroy;
  instance->plugin.process = process;
  instance->plugin.get_extension = get_extension;
  return &instance->plugin;
} catch (const std::exception&) {
  return nullptr;  // no thread, no memory: all that CLAP lets us say
}

const void* get_factory(const char* id) {
  static const clap_plugin_factory_t factory{count, descriptor, create};
  return std::strcmp(id, CLAP_PLUGIN_FACTORY_ID) == 0 ? &factory : nullptr;
}

bool init(const char* path) { return dpf_clap_entry.init(path); }
void deinit() { dpf_clap_entry.deinit(); }

}  // namespace

extern "C" __attribute__((visibility("default")))
const clap_plugin_entry_t clap_entry = {CLAP_VERSION, init, deinit, get_factory};
