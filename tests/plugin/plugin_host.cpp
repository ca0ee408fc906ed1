#include "plugin_host.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace plugin_host {

namespace {

template <typename Parameters>
auto& find(Parameters& parameters, const std::string& name) {
  for (auto& parameter : parameters) {
    if (parameter.name == name) return parameter;
  }
  throw std::runtime_error("there is no parameter " + name);
}

}  // namespace

std::string built_plugins() { return PLUGINS; }
std::string test_models() { return TEST_MODELS; }

void Instance::set(const std::string& name, float value) {
  Parameter& parameter = find(parameters_, name);
  parameter.value = value;
  parameter.is_changed = true;
}

float Instance::get(const std::string& name) const { return find(parameters_, name).value; }

bool Instance::has(const std::string& name) const {
  for (const auto& parameter : parameters_) {
    if (parameter.name == name) return true;
  }
  return false;
}

Library::Library(const std::filesystem::path& file) : handle_(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) throw std::runtime_error(dlerror());
}

Library::~Library() { dlclose(handle_); }

void* Library::find(const char* name) const {
  void* const found = dlsym(handle_, name);
  if (found == nullptr) throw std::runtime_error(dlerror());
  return found;
}

std::string state_with_model(const std::string& path) {
  const std::string end(1, '\0');
  return "__dpf_state_begin__" + end + "model" + end + path + end + "__dpf_state_end__" + end + "\xfe" + end;
}

std::unique_ptr<Host> load(const std::filesystem::path& folder, Format format, Variant variant) {
  const std::string name = variant == Variant::multi_out ? "demucs_stems_multi_out" : "demucs_stems";
  switch (format) {
    case Format::lv2:
      return load_lv2(folder / "lv2" / (name + ".lv2"), variant);
    case Format::clap:
      return load_clap(folder / "clap/demucs-ort" / (name + ".clap"), variant);
    default:
      return load_vst3(folder / "vst3" / (name + ".vst3"), variant);
  }
}

}  // namespace plugin_host
