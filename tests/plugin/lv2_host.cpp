#include <string.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lv2/atom-forge.h"
#include "lv2/atom.h"
#include "lv2/buf-size.h"
#include "lv2/lv2.h"
#include "lv2/options.h"
#include "lv2/patch.h"
#include "lv2/state.h"
#include "lv2/urid.h"
#include "lv2/worker.h"
#include "plugin_host.hpp"

namespace plugin_host {
namespace {

class Urids {
 public:
  LV2_URID of(const char* uri) {
    const std::lock_guard lock(mutex_);
    return numbers_.emplace(uri, static_cast<LV2_URID>(numbers_.size() + 1)).first->second;
  }
  static LV2_URID map(LV2_URID_Map_Handle self, const char* uri) { return static_cast<Urids*>(self)->of(uri); }

 private:
  std::mutex mutex_;
  std::map<std::string, LV2_URID> numbers_;
};

/// From the audio thread to the worker: one message at a time, without a lock.
class Worker {
 public:
  using Work = LV2_Worker_Status (*)(LV2_Handle, LV2_Worker_Respond_Function, LV2_Worker_Respond_Handle, std::uint32_t,
                                     const void*);
  void start(LV2_Handle instance, Work work) {
    stop_ = false;
    thread_ = std::thread([this, instance, work] {
      while (!stop_) {
        if (size_.load(std::memory_order_acquire) != 0) {
          const auto respond = [](LV2_Worker_Respond_Handle, std::uint32_t, const void*) { return LV2_WORKER_SUCCESS; };
          work(instance, respond, nullptr, size_, data_.data());
          size_.store(0, std::memory_order_release);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  static LV2_Worker_Status schedule(LV2_Worker_Schedule_Handle self, std::uint32_t size, const void* data) {
    auto& worker = *static_cast<Worker*>(self);
    if (worker.size_.load(std::memory_order_acquire) != 0 || size > worker.data_.size()) return LV2_WORKER_ERR_NO_SPACE;
    std::copy_n(static_cast<const std::uint8_t*>(data), size, worker.data_.data());
    worker.size_.store(size, std::memory_order_release);
    return LV2_WORKER_SUCCESS;
  }

 private:
  alignas(8) std::array<std::uint8_t, 4096> data_{};
  std::atomic<std::uint32_t> size_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// What the description says of a plug-in, read as simply as DPF writes it.
struct Description {
  std::filesystem::path bundle;
  std::string uri;
  std::filesystem::path binary;
  struct Port {
    std::uint32_t index;
    std::string name;
    bool is_input;
  };
  std::vector<Port> controls;
  std::uint32_t events_in = 0;
  std::uint32_t events_out = 0;
  std::uint32_t latency = 0;
  std::uint32_t free_wheeling = 0;
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("there is no " + file.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string found(const std::string& text, const char* pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern))) throw std::runtime_error(std::string("no ") + pattern);
  return match[1];
}

Description describe(const std::filesystem::path& bundle) {
  Description all;
  all.bundle = bundle;
  const std::string manifest = text_of(bundle / "manifest.ttl");
  all.uri = found(manifest, "<([^>]+)>\\s+a lv2:Plugin");
  all.binary = bundle / found(manifest, "lv2:binary <([^>]+)>");
  const std::string text = text_of(bundle / found(manifest, "rdfs:seeAlso <([^>]+)>"));
  const std::regex port("a lv2:(Input|Output)Port, (?:lv2|atom):(\\w+)Port ;([^\\[]*)");
  for (std::sregex_iterator each(text.begin(), text.end(), port), end; each != end; ++each) {
    const bool is_input = (*each)[1] == "Input";
    const std::string rest = (*each)[3];
    const auto index = static_cast<std::uint32_t>(std::stoul(found(rest, "lv2:index (\\d+)")));
    if ((*each)[2] == "Atom") (is_input ? all.events_in : all.events_out) = index;
    if ((*each)[2] != "Control") continue;
    if (rest.find("lv2:reportsLatency") != std::string::npos) {
      all.latency = index;
      continue;
    }
    if (rest.find("lv2:designation lv2:freeWheeling") != std::string::npos) all.free_wheeling = index;
    all.controls.push_back({index, found(rest, "lv2:name \"([^\"]+)\""), is_input});
  }
  return all;
}

class Lv2Instance : public Instance {
 public:
  Lv2Instance(const LV2_Descriptor& plugin, const Description& description, Variant variant)
      : plugin_(plugin), description_(description), outputs_(outputs_of(variant)) {
    for (const auto& port : description_.controls) {
      Parameter& parameter = parameters_.emplace_back();
      parameter.name = port.name;
      parameter.id = port.index;
    }
    values_.resize(parameters_.size());
    instantiate(44100);
  }

  ~Lv2Instance() override {
    if (is_active_) deactivate();
    clean_up();
  }

  /// LV2 has one rate per instance: hosts make another one, with the old one's state.
  void activate(double rate, std::uint32_t) override {
    if (rate != rate_) {
      const std::string state = save();
      clean_up();
      instantiate(rate);
      restore(state);
    }
    plugin_.activate(instance_);
    is_active_ = true;
    run(0);
  }

  void deactivate() override {
    plugin_.deactivate(instance_);
    is_active_ = false;
  }

  void process(const float* const* in, float* const* out, std::uint32_t frames) override {
    for (std::uint32_t c = 0; c < 2; ++c) plugin_.connect_port(instance_, c, const_cast<float*>(in[c]));
    for (std::uint32_t c = 0; c < outputs_; ++c) plugin_.connect_port(instance_, 2 + c, out[c]);
    run(frames);
  }

  std::uint32_t latency() override { return static_cast<std::uint32_t>(latency_); }

  std::string save() override {
    const auto store = [](LV2_State_Handle self, std::uint32_t key, const void* value, std::size_t size,
                          std::uint32_t type, std::uint32_t) {
      auto& host = *static_cast<Lv2Instance*>(self);
      if (key != host.model_key() || type != host.urids_.of(LV2_ATOM__Path)) return LV2_STATE_ERR_BAD_TYPE;
      host.stored_.assign(static_cast<const char*>(value), size - 1);
      return LV2_STATE_SUCCESS;
    };
    if (state().save(instance_, store, this, LV2_STATE_IS_POD, path_features()) != LV2_STATE_SUCCESS) {
      throw std::runtime_error("not saved");
    }
    std::string text = stored_ + "\n";  // the ports' values are the host's to keep
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (description_.controls[i].is_input) text += std::to_string(parameters_[i].value) + "\n";
    }
    return text;
  }

  void restore(const std::string& state) override {
    std::istringstream lines(state);
    std::string line;
    std::getline(lines, line);
    choose_model_now(line);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (description_.controls[i].is_input && std::getline(lines, line)) parameters_[i].value = std::stof(line);
    }
  }

  /// While it runs, by a message to its event port.
  void choose_model(const std::string& path) override {
    if (!is_active_) return choose_model_now(path);
    LV2_Atom_Forge forge;
    LV2_URID_Map map = map_;
    lv2_atom_forge_init(&forge, &map);
    while (has_message_) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // not yet taken
    lv2_atom_forge_set_buffer(&forge, message_.data(), message_.size());
    LV2_Atom_Forge_Frame sequence;
    LV2_Atom_Forge_Frame object;
    lv2_atom_forge_sequence_head(&forge, &sequence, 0);
    lv2_atom_forge_frame_time(&forge, 0);
    lv2_atom_forge_object(&forge, &object, 0, urids_.of(LV2_PATCH__Set));
    lv2_atom_forge_key(&forge, urids_.of(LV2_PATCH__property));
    lv2_atom_forge_urid(&forge, model_key());
    lv2_atom_forge_key(&forge, urids_.of(LV2_PATCH__value));
    lv2_atom_forge_path(&forge, path.c_str(), static_cast<std::uint32_t>(path.size()));
    lv2_atom_forge_pop(&forge, &object);
    lv2_atom_forge_pop(&forge, &sequence);
    has_message_ = true;
  }

  void render_offline(bool offline) override {
    for (auto& parameter : parameters_) {
      if (parameter.id == description_.free_wheeling) parameter.value = offline ? 1.0F : 0.0F;
    }
  }

  void idle() override {
    const std::uint32_t now = latency();
    if (now != told_latency_) ++restarts_wanted_;  // hosts look at the port
    told_latency_ = now;
  }

 private:
  void instantiate(double rate) {
    rate_ = rate;
    const std::int32_t block = 4096;
    LV2_Options_Option options[] = {{LV2_OPTIONS_INSTANCE, 0, urids_.of(LV2_BUF_SIZE__maxBlockLength), sizeof(block),
                                     urids_.of(LV2_ATOM__Int), &block},
                                    {}};
    LV2_Worker_Schedule schedule{&worker_, Worker::schedule};
    const LV2_Feature map_feature{LV2_URID__map, &map_};
    const LV2_Feature options_feature{LV2_OPTIONS__options, options};
    schedule_ = schedule;
    const LV2_Feature schedule_feature{LV2_WORKER__schedule, &schedule_};
    const LV2_Feature* const features[] = {&map_feature, &options_feature, &schedule_feature, nullptr};
    const std::string bundle = description_.bundle.string() + "/";
    instance_ = plugin_.instantiate(&plugin_, rate, bundle.c_str(), features);
    if (instance_ == nullptr) throw std::runtime_error("no instance");
    for (std::size_t i = 0; i < values_.size(); ++i) plugin_.connect_port(instance_, parameters_[i].id, &values_[i]);
    plugin_.connect_port(instance_, description_.latency, &latency_);
    plugin_.connect_port(instance_, description_.events_in, &events_in_);
    plugin_.connect_port(instance_, description_.events_out, &events_out_);
    for (std::uint32_t c = 0; c < 2 + outputs_; ++c) plugin_.connect_port(instance_, c, &silence_);
    worker_.start(instance_, interface<LV2_Worker_Interface>(LV2_WORKER__interface).work);
  }

  void clean_up() {
    worker_.stop();
    plugin_.cleanup(instance_);
  }

  // The audio thread's.
  void run(std::uint32_t frames) {
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = parameters_[i].value;
    auto& in = *reinterpret_cast<LV2_Atom_Sequence*>(events_in_.data());
    in = {{sizeof(LV2_Atom_Sequence_Body), sequence_}, {0, 0}};
    if (has_message_) {
      events_in_ = message_;
      has_message_ = false;
    }
    auto& out = *reinterpret_cast<LV2_Atom_Sequence*>(events_out_.data());
    out = {{static_cast<std::uint32_t>(events_out_.size() - sizeof(LV2_Atom)), chunk_}, {0, 0}};
    plugin_.run(instance_, frames);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!description_.controls[i].is_input) parameters_[i].value = values_[i];
    }
  }

  template <typename Interface>
  const Interface& interface(const char* uri) const {
    const void* const found = plugin_.extension_data(uri);
    if (found == nullptr) throw std::runtime_error(std::string("the plug-in lacks ") + uri);
    return *static_cast<const Interface*>(found);
  }
  const LV2_State_Interface& state() const { return interface<LV2_State_Interface>(LV2_STATE__interface); }
  LV2_URID model_key() { return urids_.of((description_.uri + "#model").c_str()); }

  void choose_model_now(const std::string& path) {
    const auto retrieve = [](LV2_State_Handle self, std::uint32_t key, std::size_t* size, std::uint32_t* type,
                             std::uint32_t* flags) -> const void* {
      auto& host = *static_cast<Lv2Instance*>(self);
      if (key != host.model_key()) return nullptr;
      *size = host.stored_.size() + 1;
      *type = host.urids_.of(LV2_ATOM__Path);
      *flags = LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE;
      return host.stored_.c_str();
    };
    stored_ = path;
    if (state().restore(instance_, retrieve, this, 0, path_features()) != LV2_STATE_SUCCESS) {
      throw std::runtime_error("not restored");
    }
  }

  // Paths of a session: those of files in folders of this machine become "session:" and the path, and back.
  const LV2_Feature* const* path_features() {
    static constexpr const char* mark = "session:";
    static LV2_State_Map_Path map{
        nullptr, [](LV2_State_Map_Path_Handle, const char* path) { return strdup((std::string(mark) + path).c_str()); },
        [](LV2_State_Map_Path_Handle, const char* path) {
          return strdup(std::strncmp(path, mark, std::strlen(mark)) == 0 ? path + std::strlen(mark) : path);
        }};
    static const LV2_Feature feature{LV2_STATE__mapPath, &map};
    static const LV2_Feature* const features[] = {&feature, nullptr};
    return features;
  }

  const LV2_Descriptor& plugin_;
  const Description& description_;
  const std::uint32_t outputs_;
  Urids urids_;
  LV2_URID_Map map_{&urids_, Urids::map};
  const LV2_URID sequence_ = urids_.of(LV2_ATOM__Sequence);
  const LV2_URID chunk_ = urids_.of(LV2_ATOM__Chunk);
  Worker worker_;
  LV2_Worker_Schedule schedule_{};
  LV2_Handle instance_ = nullptr;
  double rate_ = 0;
  bool is_active_ = false;
  std::vector<float> values_;
  float latency_ = 0;
  float silence_ = 0;
  std::uint32_t told_latency_ = 0;
  std::string stored_;
  alignas(8) std::array<std::uint8_t, 4096> events_in_{};
  alignas(8) std::array<std::uint8_t, 4096> events_out_{};
  alignas(8) std::array<std::uint8_t, 4096> message_{};
  std::atomic<bool> has_message_{false};
};

class Lv2Host : public Host {
 public:
  Lv2Host(const std::filesystem::path& bundle, Variant variant)
      : description_(describe(bundle)), library_(description_.binary), variant_(variant) {
    plugin_ = library_.symbol<LV2_Descriptor_Function>("lv2_descriptor")(0);
    if (plugin_ == nullptr || description_.uri != plugin_->URI) throw std::runtime_error("another plug-in");
  }
  std::unique_ptr<Instance> create() override {
    return std::make_unique<Lv2Instance>(*plugin_, description_, variant_);
  }

 private:
  const Description description_;
  const Library library_;
  const Variant variant_;
  const LV2_Descriptor* plugin_ = nullptr;
};

}  // namespace

std::unique_ptr<Host> load_lv2(const std::filesystem::path& bundle, Variant variant) {
  return std::make_unique<Lv2Host>(bundle, variant);
}

}  // namespace plugin_host
