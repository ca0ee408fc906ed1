#include "model_contract.hpp"

#include <algorithm>
#include <charconv>

#include "demucs_ort/error.hpp"

namespace demucs_ort {
namespace {

constexpr int schema_version = 1;

[[noreturn]] void broken(const std::string& what) {
  throw Error(Status::bad_model, what + "; export the model again with demucs-export");
}

std::string text(const FindMetadata& find, const std::string& key) {
  const auto value = find("demucs_ort." + key);
  if (!value || value->empty()) broken("the model file has no metadata 'demucs_ort." + key + "'");
  return *value;
}

int positive_number(const FindMetadata& find, const std::string& key) {
  const std::string value = text(find, key);
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number <= 0) {
    broken("the model's metadata 'demucs_ort." + key + "' is '" + value + "', not a positive number");
  }
  return number;
}

std::vector<std::string> name_list(const FindMetadata& find, const std::string& key) {
  const std::string value = text(find, key);
  std::vector<std::string> names(1);
  for (const char letter : value) {
    if (letter == ',') {
      names.emplace_back();
    } else {
      names.back() += letter;
    }
  }
  for (auto name = names.begin(); name != names.end(); ++name) {
    const bool usable = !name->empty() && name->find_first_of("/\\") == std::string::npos && name->front() != '.';
    if (!usable || std::find(names.begin(), name, *name) != name) {
      broken("the model's metadata 'demucs_ort." + key + "' is '" + value + "', not a list of distinct stem names");
    }
  }
  return names;
}

bool truth(const FindMetadata& find, const std::string& key) {
  const std::string value = text(find, key);
  if (value != "true" && value != "false") {
    broken("the model's metadata 'demucs_ort." + key + "' is '" + value + "', not true or false");
  }
  return value == "true";
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string list;
  for (const auto size : shape) list += (list.empty() ? "" : ", ") + (size < 0 ? "batch" : std::to_string(size));
  return "[" + list + "]";
}

void check_tensor(const std::string& role, const std::vector<TensorSpec>& tensors, const std::string& name,
                  const std::vector<std::int64_t>& expected) {
  if (tensors.size() != 1 || tensors[0].name != name) {
    broken("the model should have exactly one " + role + " named '" + name + "'");
  }
  const auto& tensor = tensors[0];
  if (!tensor.is_float32) broken("the model's " + role + " '" + name + "' is not float32");
  auto shape = tensor.shape;
  if (!shape.empty() && shape[0] == 1) shape[0] = -1;
  if (shape != expected) {
    broken("the model's " + role + " '" + name + "' has shape " + shape_text(tensor.shape) + " but its metadata says " +
           shape_text(expected));
  }
}

}  // namespace

ModelInfo read_facts(const FindMetadata& find) {
  const int version = positive_number(find, "schema_version");
  if (version != schema_version) {
    throw Error(Status::bad_model, "the model file follows contract version " + std::to_string(version) +
                                       " but this library knows version " + std::to_string(schema_version) +
                                       "; use matching versions of demucs-export and demucs_ort");
  }
  ModelInfo info;
  info.name = text(find, "model_name");
  info.sample_rate = positive_number(find, "sample_rate");
  info.channels = static_cast<std::size_t>(positive_number(find, "channels"));
  info.segment_frames = static_cast<std::size_t>(positive_number(find, "segment_frames"));
  info.sources = name_list(find, "sources");
  info.precision = text(find, "precision");
  info.trained = truth(find, "trained");
  info.weights_sha256 = text(find, "weights_sha256");
  info.demucs_version = text(find, "demucs_version");
  info.description = find("demucs_ort.description").value_or("");
  return info;
}

ModelInfo read_contract(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
                        const FindMetadata& find) {
  ModelInfo info = read_facts(find);
  const auto sources = static_cast<std::int64_t>(info.sources.size());
  const auto channels = static_cast<std::int64_t>(info.channels);
  const auto frames = static_cast<std::int64_t>(info.segment_frames);
  check_tensor("input", inputs, "mix", {-1, channels, frames});
  check_tensor("output", outputs, "stems", {-1, sources, channels, frames});
  return info;
}

}  // namespace demucs_ort
