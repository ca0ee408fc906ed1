#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "plugin_host.hpp"
#include "travesty/audio_processor.h"
#include "travesty/component.h"
#include "travesty/edit_controller.h"
#include "travesty/factory.h"

namespace plugin_host {
namespace {

constexpr std::size_t most_changes = 32;

// Objects of ours begin with a pointer to their table of functions. They live as long as their owner, uncounted.
v3_result V3_API find_no_interface(void*, const v3_tuid, void** found) {
  *found = nullptr;
  return V3_NO_INTERFACE;
}
std::uint32_t V3_API count_nothing(void*) { return 1; }
constexpr v3_funknown uncounted{find_no_interface, count_nothing, count_nothing};

/// The changes of one parameter within a block: one, at its beginning.
struct Queue {
  const v3_param_value_queue_cpp* table = &functions;
  v3_param_id id = 0;
  double value = 0;
  bool is_set = false;

  static Queue& of(void* self) { return *static_cast<Queue*>(self); }
  static v3_param_id V3_API get_id(void* self) { return of(self).id; }
  static std::int32_t V3_API count(void* self) { return of(self).is_set ? 1 : 0; }
  static v3_result V3_API get(void* self, std::int32_t, std::int32_t* offset, double* value) {
    *offset = 0;
    *value = of(self).value;
    return V3_OK;
  }
  static v3_result V3_API add(void* self, std::int32_t, double value, std::int32_t* index) {
    of(self).value = value;
    of(self).is_set = true;
    *index = 0;
    return V3_OK;
  }
  static constexpr v3_param_value_queue_cpp functions{uncounted, {get_id, count, get, add}};
};

struct Changes {
  const v3_param_changes_cpp* table = &functions;
  std::array<Queue, most_changes> queues;
  std::array<v3_param_value_queue**, most_changes> pointers;
  std::int32_t count = 0;

  Changes() {
    for (std::size_t i = 0; i < most_changes; ++i) pointers[i] = reinterpret_cast<v3_param_value_queue**>(&queues[i]);
  }
  Queue& add(v3_param_id id) {
    Queue& queue = queues.at(static_cast<std::size_t>(count++));
    queue.id = id;
    queue.is_set = false;
    return queue;
  }
  v3_param_changes** object() { return reinterpret_cast<v3_param_changes**>(this); }

  static Changes& of(void* self) { return *static_cast<Changes*>(self); }
  static std::int32_t V3_API get_count(void* self) { return of(self).count; }
  static v3_param_value_queue** V3_API get(void* self, std::int32_t index) {
    return of(self).pointers[static_cast<std::size_t>(index)];
  }
  static v3_param_value_queue** V3_API add_queue(void* self, v3_param_id* id, std::int32_t* index) {
    *index = of(self).count;
    of(self).add(*id);
    return get(self, *index);
  }
  static constexpr v3_param_changes_cpp functions{uncounted, {get_count, get, add_queue}};
};

struct BstreamFunctions : v3_funknown {
  v3_bstream stream;
};

/// A state in memory. It gives and takes whatever is asked for.
struct Memory {
  const BstreamFunctions* table = &functions;
  std::string bytes;
  std::size_t at = 0;

  v3_bstream** object() { return reinterpret_cast<v3_bstream**>(this); }
  static Memory& of(void* self) { return *static_cast<Memory*>(self); }
  static v3_result V3_API read(void* self, void* to, std::int32_t size, std::int32_t* count) {
    Memory& memory = of(self);
    const std::size_t given = std::min(static_cast<std::size_t>(size), memory.bytes.size() - memory.at);
    std::copy_n(memory.bytes.data() + memory.at, given, static_cast<char*>(to));
    memory.at += given;
    *count = static_cast<std::int32_t>(given);
    return V3_OK;
  }
  static v3_result V3_API write(void* self, void* from, std::int32_t size, std::int32_t* count) {
    of(self).bytes.append(static_cast<const char*>(from), static_cast<std::size_t>(size));
    *count = size;
    return V3_OK;
  }
  static v3_result V3_API seek(void*, std::int64_t, std::int32_t, std::int64_t*) { return V3_NOT_IMPLEMENTED; }
  static v3_result V3_API tell(void*, std::int64_t*) { return V3_NOT_IMPLEMENTED; }
  static constexpr BstreamFunctions functions{uncounted, {read, write, seek, tell}};
};

struct HandlerFunctions : v3_funknown {
  v3_component_handler handler;
};

std::string ascii(const v3_str_128& text) {
  std::string result;
  for (std::size_t i = 0; i < 128 && text[i] != 0; ++i) result += static_cast<char>(text[i]);
  return result;
}

void check(v3_result result, const char* what) {
  if (result != V3_OK) throw std::runtime_error(std::string("the plug-in refused: ") + what);
}

class Vst3Instance : public Instance {
 public:
  Vst3Instance(v3_plugin_factory_cpp** factory, Variant variant) : outputs_(outputs_of(variant)) {
    v3_class_info info;
    check((*factory)->v1.get_class_info(factory, 0, &info), "class info");
    check(
        (*factory)->v1.create_instance(factory, info.class_id, v3_component_iid, reinterpret_cast<void**>(&component_)),
        "an instance");
    check((*component_)->base.initialize(component_, nullptr), "initialize");
    check((*component_)->query_interface(component_, v3_audio_processor_iid, reinterpret_cast<void**>(&processor_)),
          "audio processor");
    check((*component_)->query_interface(component_, v3_edit_controller_iid, reinterpret_cast<void**>(&controller_)),
          "edit controller");
    check((*controller_)->ctrl.set_component_handler(controller_, reinterpret_cast<v3_component_handler**>(&handler_)),
          "component handler");
    list_parameters();
    prepare_buses();
  }

  ~Vst3Instance() override {
    if (is_active_) deactivate();
    (*controller_)->ctrl.set_component_handler(controller_, nullptr);
    (*controller_)->unref(controller_);
    (*processor_)->unref(processor_);
    (*component_)->base.terminate(component_);
    (*component_)->unref(component_);
  }

  void activate(double rate, std::uint32_t longest_block) override {
    v3_process_setup setup{mode_, V3_SAMPLE_32, static_cast<std::int32_t>(longest_block), rate};
    check((*processor_)->proc.setup_processing(processor_, &setup), "setup");
    check((*component_)->comp.set_active(component_, 1), "set_active");
    (*processor_)->proc.set_processing(processor_, 1);
    is_active_ = true;
  }

  void deactivate() override {
    (*processor_)->proc.set_processing(processor_, 0);
    (*component_)->comp.set_active(component_, 0);
    is_active_ = false;
  }

  void process(const float* const* in, float* const* out, std::uint32_t frames) override {
    float* inputs[] = {const_cast<float*>(in[0]), const_cast<float*>(in[1])};
    float* outputs[8];
    std::copy_n(out, outputs_, outputs);
    v3_audio_bus_buffers input{2, 0, {inputs}};
    v3_audio_bus_buffers buses[4];
    for (std::uint32_t b = 0; b < outputs_ / 2; ++b) buses[b] = {out[2 * b] == nullptr ? 0 : 2, 0, {outputs + 2 * b}};
    changes_in_.count = changes_out_.count = 0;
    for (auto& parameter : parameters_) {
      if (!parameter.is_changed.exchange(false)) continue;
      const double plain = static_cast<double>(parameter.value.load());
      Queue& queue = changes_in_.add(parameter.id);
      queue.value = (*controller_)->ctrl.plain_parameter_to_normalised(controller_, parameter.id, plain);
      queue.is_set = true;
    }
    v3_process_data data{};
    data.process_mode = mode_;
    data.symbolic_sample_size = V3_SAMPLE_32;
    data.nframes = static_cast<std::int32_t>(frames);
    data.num_input_buses = 1;
    data.num_output_buses = static_cast<std::int32_t>(outputs_ / 2);
    data.inputs = &input;
    data.outputs = buses;
    data.input_params = changes_in_.object();
    data.output_params = out[0] == nullptr ? nullptr : changes_out_.object();  // a host may take none
    if ((*processor_)->proc.process(processor_, &data) != V3_OK) ++wrong_calls_;
    take_outputs();
  }

  std::uint32_t latency() override { return (*processor_)->proc.get_latency_samples(processor_); }

  std::string save() override {
    Memory memory;
    check((*component_)->comp.get_state(component_, memory.object()), "get_state");
    return memory.bytes;
  }

  void restore(const std::string& state) override {
    read(state);
    for (auto& parameter : parameters_) parameter.value = plain_value(parameter);
  }

  void choose_model(const std::string& path) override { read(state_with_model(path)); }

  void render_offline(bool offline) override { mode_ = offline ? V3_OFFLINE : V3_REALTIME; }

  /// Hosts tell the controller of changes that come out of `process`, in the main thread.
  void idle() override {
    if (wants_latency_told_.exchange(false)) {
      (*controller_)->ctrl.set_parameter_normalised(controller_, latency_id_, latency_value_);
    }
  }

 private:
  void list_parameters() {
    for (std::int32_t i = 0; i < (*controller_)->ctrl.get_parameter_count(controller_); ++i) {
      v3_param_info info;
      check((*controller_)->ctrl.get_parameter_info(controller_, i, &info), "parameter info");
      if ((info.flags & V3_PARAM_IS_HIDDEN) != 0) {
        if (ascii(info.title) == "Latency") latency_id_ = info.param_id;
        continue;
      }
      Parameter& parameter = parameters_.emplace_back();
      parameter.name = ascii(info.title);
      parameter.id = info.param_id;
      parameter.value = plain_value(parameter);
    }
  }
  void read(const std::string& state) {
    Memory memory;
    memory.bytes = state;
    check((*component_)->comp.set_state(component_, memory.object()), "set_state");
    memory.at = 0;
    (*controller_)->ctrl.set_component_state(controller_, memory.object());
  }
  float plain_value(const Parameter& parameter) const {
    const double normalised = (*controller_)->ctrl.get_parameter_normalised(controller_, parameter.id);
    return static_cast<float>(
        (*controller_)->ctrl.normalised_parameter_to_plain(controller_, parameter.id, normalised));
  }

  void prepare_buses() {
    const auto& functions = (*component_)->comp;
    const auto count = static_cast<std::int32_t>(outputs_ / 2);
    if (functions.get_bus_count(component_, V3_AUDIO, V3_INPUT) != 1 ||
        functions.get_bus_count(component_, V3_AUDIO, V3_OUTPUT) != count) {
      throw std::runtime_error("unexpected buses");
    }
    v3_speaker_arrangement stereo[] = {V3_SPEAKER_L | V3_SPEAKER_R, V3_SPEAKER_L | V3_SPEAKER_R,
                                       V3_SPEAKER_L | V3_SPEAKER_R, V3_SPEAKER_L | V3_SPEAKER_R};
    v3_speaker_arrangement input = stereo[0];
    check((*processor_)->proc.set_bus_arrangements(processor_, &input, 1, stereo, count), "stereo");
    check(functions.activate_bus(component_, V3_AUDIO, V3_INPUT, 0, 1), "input bus");
    for (std::int32_t b = 0; b < count; ++b) {
      v3_bus_info info;
      check(functions.get_bus_info(component_, V3_AUDIO, V3_OUTPUT, b, &info), "bus info");
      if (info.channel_count != 2) throw std::runtime_error("a bus is not stereo");
      check(functions.activate_bus(component_, V3_AUDIO, V3_OUTPUT, b, 1), "output bus");
    }
  }

  // The audio thread's.
  void take_outputs() {
    for (std::int32_t i = 0; i < changes_out_.count; ++i) {
      const Queue& queue = changes_out_.queues[static_cast<std::size_t>(i)];
      if (queue.id == latency_id_) {
        latency_value_ = queue.value;
        wants_latency_told_ = true;
      }
      for (auto& parameter : parameters_) {
        if (parameter.id != queue.id) continue;
        parameter.value = static_cast<float>(
            (*controller_)->ctrl.normalised_parameter_to_plain(controller_, parameter.id, queue.value));
      }
    }
  }

  // What the plug-in calls.
  struct Handler {
    const HandlerFunctions* table = &functions;
    Vst3Instance* owner;

    static v3_result V3_API edit(void*, v3_param_id) { return V3_OK; }
    static v3_result V3_API perform(void*, v3_param_id, double) { return V3_OK; }
    static v3_result V3_API restart(void* self, std::int32_t flags) {
      Vst3Instance& owner = *static_cast<Handler*>(self)->owner;
      if (std::this_thread::get_id() != owner.main_) ++owner.wrong_calls_;
      if ((flags & V3_RESTART_LATENCY_CHANGED) != 0) ++owner.restarts_wanted_;
      return V3_OK;
    }
    static constexpr HandlerFunctions functions{uncounted, {edit, perform, edit, restart}};
  };

  const std::uint32_t outputs_;
  const std::thread::id main_ = std::this_thread::get_id();
  Handler handler_{&Handler::functions, this};
  v3_component_cpp** component_ = nullptr;
  v3_audio_processor_cpp** processor_ = nullptr;
  v3_edit_controller_cpp** controller_ = nullptr;
  std::atomic<std::int32_t> mode_{V3_REALTIME};
  bool is_active_ = false;
  Changes changes_in_;
  Changes changes_out_;
  v3_param_id latency_id_ = ~0U;
  std::atomic<double> latency_value_{0};
  std::atomic<bool> wants_latency_told_{false};
};

class Vst3Host : public Host {
 public:
  Vst3Host(const std::filesystem::path& file, Variant variant) : library_(file), variant_(variant) {
    if (!library_.symbol<bool (*)(void*)>("ModuleEntry")(nullptr)) throw std::runtime_error("no entry");
    factory_ = library_.symbol<v3_plugin_factory_cpp** (*)()>("GetPluginFactory")();
    if (factory_ == nullptr) throw std::runtime_error("no factory");
  }
  ~Vst3Host() override {
    (*factory_)->unref(factory_);
    library_.symbol<bool (*)()>("ModuleExit")();
  }
  std::unique_ptr<Instance> create() override { return std::make_unique<Vst3Instance>(factory_, variant_); }

 private:
  const Library library_;
  const Variant variant_;
  v3_plugin_factory_cpp** factory_ = nullptr;
};

}  // namespace

std::unique_ptr<Host> load_vst3(const std::filesystem::path& bundle, Variant variant) {
  const std::filesystem::path file =
      bundle / "Contents" / (std::string(PLUGIN_PROCESSOR) + "-linux") / (bundle.stem().string() + ".so");
  return std::make_unique<Vst3Host>(file, variant);
}

}  // namespace plugin_host
