// A host of plug-ins for tests: what LV2, CLAP and VST3 have in common, and nothing more. Everything that a host calls
// in its audio thread allocates nothing, so that a test can put AudioThreadGuard around it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>

namespace plugin_host {

enum class Format { lv2, clap, vst3 };
enum class Variant { mixing, multi_out };

/// A parameter as the host knows it. The main thread sets the inputs, the audio thread hands them on and reads the
/// others.
struct Parameter {
  std::string name;
  std::uint32_t id = 0;  // the format's
  std::atomic<float> value{0.0F};
  std::atomic<bool> is_changed{false};  // by the main thread, and not yet handed on
};

/// One plug-in in one program. Thread: main, but for `process`.
class Instance {
 public:
  virtual ~Instance() = default;
  Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  virtual void activate(double rate, std::uint32_t longest_block) = 0;
  virtual void deactivate() = 0;
  /// in[2][frames]; out[2 or 8][frames]. Null rows of `out`: the host has no buffers for that bus, and if it is the
  /// first one it takes no parameters out, either (VST3). Thread: audio.
  virtual void process(const float* const* in, float* const* out, std::uint32_t frames) = 0;
  /// What the plug-in declares. In LV2: known once it is active.
  virtual std::uint32_t latency() = 0;
  virtual std::string save() = 0;
  virtual void restore(const std::string& state) = 0;
  /// Tells the plug-in which model to take, and leaves its parameters as they are.
  virtual void choose_model(const std::string& path) = 0;
  virtual void render_offline(bool offline) = 0;
  /// What the plug-in has left for the main thread. Also looks whether it wants a restart.
  virtual void idle() {}

  /// Heard in the next block.
  void set(const std::string& name, float value);
  float get(const std::string& name) const;
  bool has(const std::string& name) const;
  /// How often the plug-in has asked for a restart because of its latency.
  int restarts_wanted() const { return restarts_wanted_; }
  /// Calls that the format does not allow: in the wrong thread, or at the wrong time.
  int wrong_calls() const { return wrong_calls_; }

 protected:
  std::deque<Parameter> parameters_;
  std::atomic<int> restarts_wanted_{0};
  std::atomic<int> wrong_calls_{0};
};

/// A plug-in's file, loaded.
class Host {
 public:
  virtual ~Host() = default;
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual std::unique_ptr<Instance> create() = 0;
};

/// Loads the plug-in from `folder`, which has the layout of an installed prefix's lib. Throws std::runtime_error.
std::unique_ptr<Host> load(const std::filesystem::path& folder, Format format, Variant variant);

constexpr std::uint32_t outputs_of(Variant variant) { return variant == Variant::multi_out ? 8 : 2; }

/// The folder of this build's plug-ins, and that of the models for tests.
std::string built_plugins();
std::string test_models();

// What `load` and the formats share.

/// A shared library, with its names for itself.
class Library {
 public:
  explicit Library(const std::filesystem::path& file);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  template <typename Symbol>
  Symbol symbol(const char* name) const {
    return reinterpret_cast<Symbol>(find(name));
  }

 private:
  void* find(const char* name) const;
  void* handle_;
};

std::unique_ptr<Host> load_lv2(const std::filesystem::path& bundle, Variant variant);
std::unique_ptr<Host> load_clap(const std::filesystem::path& file, Variant variant);
std::unique_ptr<Host> load_vst3(const std::filesystem::path& bundle, Variant variant);

/// A state of CLAP or VST3 as DPF writes it, with a model and no parameters.
std::string state_with_model(const std::string& path);

}  // namespace plugin_host
