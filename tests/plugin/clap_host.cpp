#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "clap/entry.h"
#include "clap/ext/audio-ports.h"
#include "clap/ext/latency.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/ext/thread-check.h"
#include "clap/plugin-factory.h"
#include "plugin_host.hpp"

namespace plugin_host {
namespace {

// As clap/ext/render.h of CLAP 1 has it.
struct RenderExtension {
  bool(CLAP_ABI* has_hard_realtime_requirement)(const clap_plugin_t*);
  bool(CLAP_ABI* set)(const clap_plugin_t*, std::int32_t mode);
};

constexpr std::uint64_t odd_chunk = 7;  // bytes that a stream takes or gives at a time: CLAP allows any number

class ClapInstance : public Instance {
 public:
  ClapInstance(const clap_plugin_factory_t& factory, Variant variant) : outputs_(outputs_of(variant)) {
    plugin_ = factory.create_plugin(&factory, &host_, factory.get_plugin_descriptor(&factory, 0)->id);
    if (plugin_ == nullptr || !plugin_->init(plugin_)) throw std::runtime_error("no instance");
    params_ = extension<clap_plugin_params_t>(CLAP_EXT_PARAMS);
    for (std::uint32_t i = 0; i < params_->count(plugin_); ++i) {
      clap_param_info_t info;
      params_->get_info(plugin_, i, &info);
      Parameter& parameter = parameters_.emplace_back();
      parameter.name = info.name;
      parameter.id = info.id;
      double value = 0;
      params_->get_value(plugin_, info.id, &value);
      parameter.value = static_cast<float>(value);
    }
    events_.resize(parameters_.size());
    check_ports();
  }

  ~ClapInstance() override {
    if (is_active_) deactivate();
    plugin_->destroy(plugin_);
  }

  void activate(double rate, std::uint32_t longest_block) override {
    if (!plugin_->activate(plugin_, rate, 1, longest_block)) throw std::runtime_error("not activated");
    is_active_ = true;
    if (!plugin_->start_processing(plugin_)) throw std::runtime_error("not started");
  }

  void deactivate() override {
    plugin_->stop_processing(plugin_);
    plugin_->deactivate(plugin_);
    is_active_ = false;
  }

  void process(const float* const* in, float* const* out, std::uint32_t frames) override {
    float* inputs[] = {const_cast<float*>(in[0]), const_cast<float*>(in[1])};
    float* outputs[8];
    std::copy_n(out, outputs_, outputs);
    const clap_audio_buffer_t input{inputs, nullptr, 2, 0, 0};
    clap_audio_buffer_t buses[4];
    for (std::uint32_t b = 0; b < outputs_ / 2; ++b) buses[b] = {outputs + 2 * b, nullptr, 2, 0, 0};
    collect_changes();
    const clap_input_events_t in_events{this, count_events, get_event};
    const clap_output_events_t out_events{this, take_event};
    const clap_process_t data{-1, frames, nullptr, &input, buses, 1, outputs_ / 2, &in_events, &out_events};
    if (plugin_->process(plugin_, &data) == CLAP_PROCESS_ERROR) ++wrong_calls_;
  }

  std::uint32_t latency() override { return extension<clap_plugin_latency_t>(CLAP_EXT_LATENCY)->get(plugin_); }

  std::string save() override {
    std::string bytes;
    const clap_ostream_t stream{&bytes, [](const clap_ostream_t* to, const void* data, std::uint64_t size) {
                                  const std::uint64_t count = std::min(size, odd_chunk);
                                  static_cast<std::string*>(to->ctx)->append(static_cast<const char*>(data), count);
                                  return static_cast<std::int64_t>(count);
                                }};
    if (!extension<clap_plugin_state_t>(CLAP_EXT_STATE)->save(plugin_, &stream)) throw std::runtime_error("no state");
    return bytes;
  }

  void restore(const std::string& state) override {
    read(state);
    for (auto& parameter : parameters_) {
      double value = 0;
      params_->get_value(plugin_, parameter.id, &value);
      parameter.value = static_cast<float>(value);
    }
  }

  void choose_model(const std::string& path) override { read(state_with_model(path)); }

  void render_offline(bool offline) override {
    if (!extension<RenderExtension>("clap.render")->set(plugin_, offline ? 1 : 0)) throw std::runtime_error("refused");
  }

  void idle() override {
    if (wants_callback_.exchange(false)) plugin_->on_main_thread(plugin_);
  }

 private:
  template <typename Extension>
  const Extension* extension(const char* name) const {
    const void* const found = plugin_->get_extension(plugin_, name);
    if (found == nullptr) throw std::runtime_error(std::string("the plug-in lacks ") + name);
    return static_cast<const Extension*>(found);
  }

  void read(std::string state) {
    const clap_istream_t stream{&state, [](const clap_istream_t* from, void* data, std::uint64_t size) {
                                  auto& bytes = *static_cast<std::string*>(from->ctx);
                                  const std::uint64_t count = std::min({size, odd_chunk, std::uint64_t{bytes.size()}});
                                  std::copy_n(bytes.data(), count, static_cast<char*>(data));
                                  bytes.erase(0, count);
                                  return static_cast<std::int64_t>(count);
                                }};
    if (!extension<clap_plugin_state_t>(CLAP_EXT_STATE)->load(plugin_, &stream)) throw std::runtime_error("refused");
  }

  void check_ports() const {
    const auto* const ports = extension<clap_plugin_audio_ports_t>(CLAP_EXT_AUDIO_PORTS);
    if (ports->count(plugin_, true) != 1 || ports->count(plugin_, false) != outputs_ / 2) {
      throw std::runtime_error("unexpected ports");
    }
    for (std::uint32_t b = 0; b < outputs_ / 2; ++b) {
      clap_audio_port_info_t info;
      if (!ports->get(plugin_, b, false, &info) || info.channel_count != 2) throw std::runtime_error("not stereo");
    }
  }

  // The audio thread's.
  void collect_changes() {
    event_count_ = 0;
    for (auto& parameter : parameters_) {
      if (!parameter.is_changed.exchange(false)) continue;
      auto& event = events_[event_count_++];
      event = {};
      event.header = {sizeof(event), 0, CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_VALUE, 0};
      event.param_id = parameter.id;
      event.note_id = -1;
      event.port_index = event.channel = event.key = -1;
      event.value = static_cast<double>(parameter.value.load());
    }
  }
  static std::uint32_t count_events(const clap_input_events_t* list) {
    return static_cast<const ClapInstance*>(list->ctx)->event_count_;
  }
  static const clap_event_header_t* get_event(const clap_input_events_t* list, std::uint32_t index) {
    return &static_cast<const ClapInstance*>(list->ctx)->events_[index].header;
  }
  static bool take_event(const clap_output_events_t* list, const clap_event_header_t* header) {
    auto& self = *static_cast<ClapInstance*>(list->ctx);
    if (header->type != CLAP_EVENT_PARAM_VALUE) return true;
    const auto& event = *reinterpret_cast<const clap_event_param_value_t*>(header);
    for (auto& parameter : self.parameters_) {
      if (parameter.id == event.param_id) parameter.value = static_cast<float>(event.value);
    }
    return true;
  }

  // What the plug-in calls.
  static ClapInstance& self_of(const clap_host_t* host) { return *static_cast<ClapInstance*>(host->host_data); }
  static const void* get_extension(const clap_host_t*, const char* id) {
    static const clap_host_latency_t latency{[](const clap_host_t* host) {
      ClapInstance& self = self_of(host);
      // "The latency is only allowed to change during plugin->activate" (CLAP 1.2), or while not active (1.0).
      if (self.is_active_ || std::this_thread::get_id() != self.main_) ++self.wrong_calls_;
    }};
    static const clap_host_thread_check_t check{
        [](const clap_host_t* host) { return std::this_thread::get_id() == self_of(host).main_; },
        [](const clap_host_t* host) { return std::this_thread::get_id() != self_of(host).main_; }};
    static const clap_host_params_t params{[](const clap_host_t* host, clap_param_rescan_flags) {
                                             if (std::this_thread::get_id() != self_of(host).main_)
                                               ++self_of(host).wrong_calls_;
                                           },
                                           [](const clap_host_t*, clap_id, clap_param_clear_flags) {},
                                           [](const clap_host_t*) {}};
    if (std::strcmp(id, CLAP_EXT_LATENCY) == 0) return &latency;
    if (std::strcmp(id, CLAP_EXT_THREAD_CHECK) == 0) return &check;
    if (std::strcmp(id, CLAP_EXT_PARAMS) == 0) return &params;
    return nullptr;
  }
  static void want_restart(const clap_host_t* host) { ++self_of(host).restarts_wanted_; }
  static void want_callback(const clap_host_t* host) { self_of(host).wants_callback_ = true; }

  const clap_host_t host_{
      CLAP_VERSION, this, "test", "demucs-ort", "", "1", get_extension, want_restart, [](const clap_host_t*) {},
      want_callback};
  const std::uint32_t outputs_;
  const std::thread::id main_ = std::this_thread::get_id();
  const clap_plugin_t* plugin_ = nullptr;
  const clap_plugin_params_t* params_ = nullptr;
  std::atomic<bool> wants_callback_{false};
  bool is_active_ = false;
  std::vector<clap_event_param_value_t> events_;
  std::uint32_t event_count_ = 0;
};

class ClapHost : public Host {
 public:
  ClapHost(const std::filesystem::path& file, Variant variant)
      : library_(file), entry_(*library_.symbol<const clap_plugin_entry_t*>("clap_entry")), variant_(variant) {
    if (!entry_.init(file.c_str())) throw std::runtime_error("not initialised");
    factory_ = static_cast<const clap_plugin_factory_t*>(entry_.get_factory(CLAP_PLUGIN_FACTORY_ID));
    if (factory_ == nullptr || factory_->get_plugin_count(factory_) != 1) throw std::runtime_error("no factory");
  }
  ~ClapHost() override { entry_.deinit(); }
  std::unique_ptr<Instance> create() override { return std::make_unique<ClapInstance>(*factory_, variant_); }

 private:
  const Library library_;
  const clap_plugin_entry_t& entry_;
  const Variant variant_;
  const clap_plugin_factory_t* factory_ = nullptr;
};

}  // namespace

std::unique_ptr<Host> load_clap(const std::filesystem::path& file, Variant variant) {
  return std::make_unique<ClapHost>(file, variant);
}

}  // namespace plugin_host
