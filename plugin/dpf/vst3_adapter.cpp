// What DPF lacks in VST3: the process mode "offline", by which hosts say that they render, and more than one output
// bus. The objects are DPF's; in the table of functions of each audio processor, `process` is replaced by one that
// looks at the mode, and puts the buses into one, before it calls DPF's.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "host_renders.hpp"
#include "travesty/audio_processor.h"
#include "travesty/base.h"
#include "travesty/component.h"
#include "travesty/factory.h"

extern "C" const void* dpf_GetPluginFactory();

namespace {

using Process = v3_result(V3_API*)(void*, v3_process_data*);
using CreateInstance = v3_result(V3_API*)(void*, const v3_tuid, const v3_tuid, void**);

// DPF's; the same for all objects.
std::atomic<Process> dpf_process{nullptr};
std::atomic<CreateInstance> dpf_create_instance{nullptr};

/// All output buses as one, with the channels of them all; those that the host has no buffers for are left out by DPF.
struct FlatOutputs {
  static constexpr std::size_t most = 16;
  std::array<float*, most> channels{};
  v3_audio_bus_buffers bus{};

  explicit FlatOutputs(const v3_process_data& data) {
    std::size_t count = 0;
    for (std::int32_t b = 0; data.outputs != nullptr && b < data.num_output_buses; ++b) {
      for (std::int32_t c = 0; c < data.outputs[b].num_channels && count < most; ++c) {
        channels[count++] = data.outputs[b].channel_buffers_32[c];
      }
    }
    bus.num_channels = static_cast<std::int32_t>(count);
    bus.channel_buffers_32 = channels.data();
  }
};

v3_result V3_API process(void* self, v3_process_data* data) {
  demucs_ort::plugin::host_renders = data->process_mode == V3_OFFLINE;
  FlatOutputs outputs(*data);
  v3_process_data flat = *data;
  if (flat.outputs != nullptr) {
    flat.outputs = &outputs.bus;
    flat.num_output_buses = 1;
  }
  const v3_result result = dpf_process.load(std::memory_order_relaxed)(self, &flat);
  demucs_ort::plugin::host_renders = false;
  return result;
}

v3_result V3_API create_instance(void* self, const v3_tuid class_id, const v3_tuid interface_id, void** instance) {
  v3_result result = V3_NOMEM;
  try {
    result = dpf_create_instance.load()(self, class_id, interface_id, instance);
  } catch (const std::exception&) {
    return V3_NOMEM;  // no thread, no memory
  }
  if (result != V3_OK) return result;
  void* found = nullptr;
  auto** const object = static_cast<v3_funknown**>(*instance);
  if ((*object)->query_interface(object, v3_audio_processor_iid, &found) != V3_OK) return result;
  auto** const processor = static_cast<v3_audio_processor_cpp**>(found);
  if ((*processor)->proc.process != process) {
    dpf_process = (*processor)->proc.process;
    (*processor)->proc.process = process;
  }
  (*processor)->unref(processor);
  return result;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const void* GetPluginFactory() {
  const void* const factory = dpf_GetPluginFactory();
  auto* const table = *static_cast<v3_plugin_factory_cpp* const*>(factory);
  if (table->v1.create_instance != create_instance) {
    dpf_create_instance = table->v1.create_instance;
    table->v1.create_instance = create_instance;
  }
  return factory;
}
