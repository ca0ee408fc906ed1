// What DPF lacks in CLAP: the extension "clap.render", by which hosts say that they render; states that hosts take and
// give in parts; and a latency that is told when CLAP says, without restarts for nothing. Everything else passes
// through.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>

#include "clap/entry.h"
#include "clap/ext/latency.h"
#include "clap/ext/state.h"
#include "clap/plugin-factory.h"
#include "clap/plugin.h"
#include "host_calls.hpp"

extern const clap_plugin_entry_t dpf_clap_entry;

namespace {

// As CLAP 1 defines it (clap/ext/render.h), which DPF does not ship.
constexpr const char* render_extension = "clap.render";
constexpr std::int32_t render_offline = 1;
struct PluginRender {
  bool(CLAP_ABI* has_hard_realtime_requirement)(const clap_plugin_t*);
  bool(CLAP_ABI* set)(const clap_plugin_t*, std::int32_t mode);
};

/// An instance: DPF's functions with DPF's data, but for some. DPF gets a host that is the real one's, but for two.
struct Adapted {
  clap_plugin_t plugin;  // first: hosts hand back its address
  clap_host_t host;      // what DPF knows as the host
  const clap_host_t* real_host = nullptr;
  const clap_plugin_t* dpf = nullptr;
  demucs_ort::plugin::HostCalls* calls = nullptr;
  std::atomic<std::uint32_t> told_latency{0};  // since `activate`

  template <typename Extension>
  const Extension& extension(const char* id) const {
    return *static_cast<const Extension*>(dpf->get_extension(dpf, id));
  }
  std::uint32_t latency() const { return extension<clap_plugin_latency_t>(CLAP_EXT_LATENCY).get(dpf); }
};

Adapted& adapted(const clap_plugin_t* plugin) {
  return *reinterpret_cast<Adapted*>(const_cast<clap_plugin_t*>(plugin));
}

/// Of the host that DPF has.
Adapted& adapted(const clap_host_t* host) {
  auto* const bytes = reinterpret_cast<char*>(const_cast<clap_host_t*>(host));
  return *reinterpret_cast<Adapted*>(bytes - offsetof(Adapted, host));
}

// ---------------------------------------------------------------------------------------------------------- latency
// DPF asks for a restart with the first block, because it has seen no latency before. And it tells a new latency when
// the plug-in has been deactivated, where CLAP wants that while it is activated.

void request_restart(const clap_host_t* host) {
  const Adapted& self = adapted(host);
  if (self.latency() != self.told_latency) self.real_host->request_restart(self.real_host);
}

const void* host_extension(const clap_host_t* host, const char* id) {
  static const clap_host_latency_t told_by_activate{[](const clap_host_t*) {}};
  if (std::strcmp(id, CLAP_EXT_LATENCY) == 0) return &told_by_activate;
  return adapted(host).real_host->get_extension(adapted(host).real_host, id);
}

bool activate(const clap_plugin_t* plugin, double rate, std::uint32_t fewest, std::uint32_t most) {
  Adapted& self = adapted(plugin);
  if (!self.dpf->activate(self.dpf, rate, fewest, most)) return false;
  if (self.told_latency.exchange(self.latency()) == self.latency()) return true;
  const void* const found = self.real_host->get_extension(self.real_host, CLAP_EXT_LATENCY);
  if (found != nullptr) static_cast<const clap_host_latency_t*>(found)->changed(self.real_host);
  return true;
}

// ------------------------------------------------------------------------------------------------------------ state
// A host may take and give fewer bytes than it is asked to, which DPF does not expect.

bool save_state(const clap_plugin_t* plugin, const clap_ostream_t* stream) try {
  std::string bytes;
  const clap_ostream_t all{&bytes, [](const clap_ostream_t* to, const void* data, std::uint64_t size) {
                             static_cast<std::string*>(to->ctx)->append(static_cast<const char*>(data), size);
                             return static_cast<std::int64_t>(size);
                           }};
  const Adapted& self = adapted(plugin);
  if (!self.extension<clap_plugin_state_t>(CLAP_EXT_STATE).save(self.dpf, &all)) return false;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::int64_t taken = stream->write(stream, bytes.data() + at, bytes.size() - at);
    if (taken <= 0) return false;
    at += static_cast<std::size_t>(taken);
  }
  return true;
} catch (const std::exception&) {
  return false;  // no memory
}

bool load_state(const clap_plugin_t* plugin, const clap_istream_t* stream) try {
  struct Rest {
    std::string bytes;
    std::size_t at = 0;
  } rest;
  char part[512];
  for (std::int64_t given = 0; (given = stream->read(stream, part, sizeof(part))) != 0;) {
    if (given < 0) return false;
    rest.bytes.append(part, static_cast<std::size_t>(given));
  }
  const clap_istream_t all{&rest, [](const clap_istream_t* from, void* data, std::uint64_t size) {
                             Rest& left = *static_cast<Rest*>(from->ctx);
                             const std::size_t count = std::min<std::size_t>(size, left.bytes.size() - left.at);
                             std::copy_n(left.bytes.data() + left.at, count, static_cast<char*>(data));
                             left.at += count;
                             return static_cast<std::int64_t>(count);
                           }};
  const Adapted& self = adapted(plugin);
  return self.extension<clap_plugin_state_t>(CLAP_EXT_STATE).load(self.dpf, &all);
} catch (const std::exception&) {
  return false;  // no memory
}

// -------------------------------------------------------------------------------------------------------- rendering

bool has_hard_realtime_requirement(const clap_plugin_t*) { return false; }

bool set_render_mode(const clap_plugin_t* plugin, std::int32_t mode) {
  adapted(plugin).calls->render.store(mode == render_offline, std::memory_order_relaxed);
  return true;
}

const void* get_extension(const clap_plugin_t* plugin, const char* id) {
  static const PluginRender render{has_hard_realtime_requirement, set_render_mode};
  static const clap_plugin_state_t state{save_state, load_state};
  if (std::strcmp(id, render_extension) == 0) return &render;
  if (std::strcmp(id, CLAP_EXT_STATE) == 0) return &state;
  return adapted(plugin).dpf->get_extension(plugin, id);
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
  auto instance = std::make_unique<Adapted>();
  instance->real_host = host;
  instance->host = *host;
  instance->host.get_extension = host_extension;
  instance->host.request_restart = request_restart;
  {
    const std::lock_guard lock(demucs_ort::plugin::newest_host_calls_mutex);
    instance->dpf = dpf_factory().create_plugin(&dpf_factory(), &instance->host, id);
    instance->calls = demucs_ort::plugin::newest_host_calls;
  }
  if (instance->dpf == nullptr) return nullptr;
  instance->plugin = *instance->dpf;
  instance->plugin.destroy = destroy;
  instance->plugin.activate = activate;
  instance->plugin.get_extension = get_extension;
  return &instance.release()->plugin;
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
