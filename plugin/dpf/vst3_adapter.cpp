// What DPF lacks in VST3: the process mode "offline", by which hosts say that they render; more than one output bus;
// audio threads that start and stop processing, set parameters without audio, or take no parameters out; and a latency
// that is told once. The objects are DPF's; in the tables of functions of components and audio processors some are
// replaced, and call DPF's.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>

#include "host_calls.hpp"
#include "parameters.hpp"
#include "travesty/audio_processor.h"
#include "travesty/base.h"
#include "travesty/component.h"
#include "travesty/factory.h"

extern "C" const void* dpf_GetPluginFactory();

namespace {

using namespace demucs_ort::plugin;

// DPF's functions; the same for all objects.
struct Dpf {
  std::atomic<v3_result(V3_API*)(void*, const v3_tuid, const v3_tuid, void**)> create_instance{nullptr};
  std::atomic<v3_result(V3_API*)(void*, v3_funknown**)> initialize{nullptr};
  std::atomic<v3_result(V3_API*)(void*)> terminate{nullptr};
  std::atomic<v3_result(V3_API*)(void*, v3_bool)> set_active{nullptr};
  std::atomic<v3_result(V3_API*)(void*, v3_process_data*)> process{nullptr};
} dpf;

/// DPF's own parameter, by whose changes it has hosts look at the latency.
constexpr v3_param_id latency_parameter = 0;

// -------------------------------------------------------------------------------------------------------- instances

/// What we know of an instance, found by its processor. The audio thread looks without a lock.
struct Instance {
  std::atomic<void*> processor{nullptr};  // null: free for the next one
  void* component = nullptr;
  std::atomic<HostCalls*> calls{nullptr};
  std::atomic<std::uint32_t> told_latency{0};  // since it is active
  Instance* next = nullptr;

  std::uint32_t latency() const {
    auto** const object = static_cast<v3_audio_processor_cpp**>(processor.load());
    return (*object)->proc.get_latency_samples(object);
  }
};

class Instances {
 public:
  ~Instances() {
    for (Instance* each = first_; each != nullptr;) {
      Instance* const next = each->next;
      delete each;
      each = next;
    }
  }
  void add(void* component, void* processor, HostCalls* calls) {
    const std::lock_guard lock(mutex_);
    Instance* instance = of_processor(nullptr);
    if (instance == nullptr) {
      instance = new Instance;
      instance->next = first_;
      first_ = instance;
    }
    instance->component = component;
    instance->calls = calls;
    instance->processor = processor;
  }
  void remove(void* component) {
    if (Instance* const instance = of_component(component)) instance->processor = nullptr;
  }
  Instance* of_component(void* component) {
    const std::lock_guard lock(mutex_);
    for (Instance* each = first_; each != nullptr; each = each->next) {
      if (each->component == component && each->processor != nullptr) return each;
    }
    return nullptr;
  }
  /// Real-time safe.
  Instance* of_processor(const void* processor) const {
    Instance* each = first_;
    while (each != nullptr && each->processor != processor) each = each->next;
    return each;
  }

 private:
  std::mutex mutex_;
  std::atomic<Instance*> first_{nullptr};
} instances;

v3_result V3_API initialize(void* self, v3_funknown** context) try {
  const std::lock_guard lock(newest_host_calls_mutex);
  const v3_result result = dpf.initialize.load()(self, context);
  void* processor = nullptr;
  auto** const component = static_cast<v3_component_cpp**>(self);
  if (result != V3_OK || (*component)->query_interface(self, v3_audio_processor_iid, &processor) != V3_OK)
    return result;
  (*static_cast<v3_audio_processor_cpp**>(processor))->unref(processor);
  instances.add(self, processor, newest_host_calls);
  return result;
} catch (const std::exception&) {
  return V3_NOMEM;  // no thread, no memory
}

v3_result V3_API terminate(void* self) {
  instances.remove(self);
  return dpf.terminate.load()(self);
}

/// DPF gives the channels that it gets to the buses that are active, one after the other. So they all are, and
/// `process` says which have buffers.
v3_result V3_API set_active(void* self, v3_bool state) {
  const v3_component& functions = (*static_cast<v3_component_cpp**>(self))->comp;
  for (std::int32_t bus = 0; is_multi_out && bus < static_cast<std::int32_t>(stem_count); ++bus) {
    functions.activate_bus(self, V3_AUDIO, V3_OUTPUT, bus, 1);
  }
  const v3_result result = dpf.set_active.load()(self, state);
  if (Instance* const instance = instances.of_component(self)) instance->told_latency = instance->latency();
  return result;
}

// ------------------------------------------------------------------------------------------------- the audio thread

/// All output buses as one, with the channels of them all. Those that the host has no buffers for are null.
struct FlatOutputs {
  std::array<float*, 2 * stem_count> channels{};
  v3_audio_bus_buffers bus{};

  explicit FlatOutputs(const v3_process_data& data) {
    const auto buses = std::min(static_cast<std::size_t>(std::max(data.num_output_buses, 0)), std::size_t{stem_count});
    for (std::size_t b = 0; data.outputs != nullptr && b < buses; ++b) {
      const v3_audio_bus_buffers& from = data.outputs[b];
      if (from.num_channels != 2 || from.channel_buffers_32 == nullptr) continue;
      std::copy_n(from.channel_buffers_32, 2, channels.data() + 2 * b);
    }
    bus.num_channels = static_cast<std::int32_t>(channels.size());
    bus.channel_buffers_32 = channels.data();
  }
};

v3_result V3_API find_no_interface(void*, const v3_tuid, void** found) {
  *found = nullptr;
  return V3_NO_INTERFACE;
}
std::uint32_t V3_API count_nothing(void*) { return 1; }

/// Changes of parameters on their way to the host. If it takes none, they go nowhere: DPF would complain in every
/// block, on the audio thread. So does a latency that it knows already.
struct OutputChanges {
  v3_param_changes_cpp* functions = &table;
  v3_param_changes** host;
  const Instance* instance;

  static v3_param_value_queue** nowhere() {
    static v3_param_value_queue_cpp queue_table{
        {find_no_interface, count_nothing, count_nothing},
        {[](void*) { return v3_param_id{0}; }, [](void*) { return std::int32_t{0}; },
         [](void*, std::int32_t, std::int32_t*, double*) -> v3_result { return V3_INVALID_ARG; },
         [](void*, std::int32_t, double, std::int32_t*) -> v3_result { return V3_OK; }}};
    static v3_param_value_queue_cpp* queue = &queue_table;
    return reinterpret_cast<v3_param_value_queue**>(&queue);
  }
  static v3_param_value_queue** V3_API add(void* self, v3_param_id* id, std::int32_t* index) {
    const auto& changes = *static_cast<const OutputChanges*>(self);
    const Instance* const instance = changes.instance;
    const bool is_known =
        *id == latency_parameter && instance != nullptr && instance->latency() == instance->told_latency;
    if (changes.host != nullptr && !is_known) return v3_cpp_obj(changes.host)->add_param_data(changes.host, id, index);
    *index = 0;
    return nowhere();
  }
  static inline v3_param_changes_cpp table{
      {find_no_interface, count_nothing, count_nothing},
      {[](void*) { return std::int32_t{0}; }, [](void*, std::int32_t) -> v3_param_value_queue** { return nullptr; },
       add}};
};

v3_result V3_API process(void* self, v3_process_data* data) {
  Instance* const instance = instances.of_processor(self);
  v3_process_data adapted = *data;
  // DPF would lose the parameters of a call without audio. So it gets a frame of its own silence, which goes nowhere.
  const bool only_sets_parameters = instance != nullptr && data->nframes <= 0 && data->input_params != nullptr;
  if (only_sets_parameters) {
    adapted.nframes = 1;
    adapted.inputs = adapted.outputs = nullptr;
  }
  if (instance != nullptr) {
    instance->calls.load()->render = data->process_mode == V3_OFFLINE;
    instance->calls.load()->only_set_parameters = only_sets_parameters;
  }
  FlatOutputs outputs(*data);
  if (is_multi_out && !only_sets_parameters) {
    adapted.outputs = &outputs.bus;
    adapted.num_output_buses = 1;
  }
  OutputChanges changes{&OutputChanges::table, data->output_params, instance};
  adapted.output_params = reinterpret_cast<v3_param_changes**>(&changes);
  return dpf.process.load(std::memory_order_relaxed)(self, &adapted);
}

/// DPF would activate and deactivate the plug-in, which `set_active` does.
v3_result V3_API set_processing(void*, v3_bool) { return V3_OK; }

// ---------------------------------------------------------------------------------------------------------- factory

/// Puts ours into the place of DPF's, which is kept.
template <typename Function>
void replace(Function& in_table, std::atomic<Function>& kept, Function ours) {
  if (in_table == ours) return;
  kept = in_table;
  in_table = ours;
}

v3_result V3_API create_instance(void* self, const v3_tuid class_id, const v3_tuid interface_id, void** instance) try {
  const v3_result result = dpf.create_instance.load()(self, class_id, interface_id, instance);
  if (result != V3_OK) return result;
  auto** const component = static_cast<v3_component_cpp**>(*instance);
  replace((*component)->base.initialize, dpf.initialize, initialize);
  replace((*component)->base.terminate, dpf.terminate, terminate);
  replace((*component)->comp.set_active, dpf.set_active, set_active);
  void* found = nullptr;
  if ((*component)->query_interface(component, v3_audio_processor_iid, &found) != V3_OK) return result;
  auto** const processor = static_cast<v3_audio_processor_cpp**>(found);
  replace((*processor)->proc.process, dpf.process, process);
  (*processor)->proc.set_processing = set_processing;
  (*processor)->unref(processor);
  return result;
} catch (const std::exception&) {
  return V3_NOMEM;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const void* GetPluginFactory() {
  const void* const factory = dpf_GetPluginFactory();
  auto* const table = *static_cast<v3_plugin_factory_cpp* const*>(factory);
  replace(table->v1.create_instance, dpf.create_instance, create_instance);
  return factory;
}
