#include "model/model_contract.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/cancel_state.hpp"
#include "base/utf8_text.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {
namespace {

constexpr int schema_version = 1;

// Far beyond any model, and small enough that no file can make the library or a host allocate absurdly.
constexpr std::size_t max_sources = 64;
constexpr std::size_t max_name_bytes = 100;
constexpr std::size_t max_channels = 64;
constexpr std::size_t max_segment_samples = std::size_t{1} << 25;  // of all stems together: 12 times htdemucs

[[noreturn]] void broken(const std::string& what) {
  throw Error(Status::bad_model, what + "; export the model again with demucs-export");
}

/// Text that can be shown on a terminal, and that every language can read.
std::string optional_text(const FindMetadata& find, const std::string& key) {
  const std::string value = find("demucs_ort." + key).value_or("");
  if (std::any_of(value.begin(), value.end(), [](unsigned char letter) { return letter < 0x20 || letter == 0x7F; })) {
    broken("the model's metadata 'demucs_ort." + key + "' holds control characters");
  }
  if (utf8_text(value) != value) broken("the model's metadata 'demucs_ort." + key + "' is not UTF-8");
  return value;
}

std::string text(const FindMetadata& find, const std::string& key) {
  const std::string value = optional_text(find, key);
  if (value.empty()) broken("the model file has no metadata 'demucs_ort." + key + "'");
  return value;
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
  if (value.size() > max_sources * max_name_bytes) broken("the model's metadata 'demucs_ort." + key + "' is too long");
  std::vector<std::string> names(1);
  for (const char letter : value) {
    if (letter == ',') {
      names.emplace_back();
    } else {
      names.back() += letter;
    }
  }
  for (auto name = names.begin(); name != names.end(); ++name) {
    const bool usable = !name->empty() && name->size() <= max_name_bytes && name->front() != '.' &&
                        name->find_first_of("/\\:*?\"<>|") == std::string::npos;
    if (!usable || std::find(names.begin(), name, *name) != name) {
      broken("the model's metadata 'demucs_ort." + key + "' is '" + value + "', not a list of distinct stem names");
    }
  }
  return names;
}

/// Refuses sizes nobody needs, before anything is allocated by them.
void check_limits(const ModelInfo& info) {
  if (info.sample_rate < lowest_model_rate || info.sample_rate > highest_model_rate) {
    broken("the model's sample rate of " + std::to_string(info.sample_rate) + " Hz is not one of " +
           std::to_string(lowest_model_rate) + " to " + std::to_string(highest_model_rate));
  }
  // All three are at most 2^31, but their product need not fit.
  const bool few = info.sources.size() <= max_sources && info.channels <= max_channels;
  if (!few || info.segment_frames > max_segment_samples / (info.sources.size() * info.channels)) {
    broken("the model's " + std::to_string(info.sources.size()) + " sources of " + std::to_string(info.channels) +
           " channels and " + std::to_string(info.segment_frames) + " frames are more than this library takes");
  }
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

/// Whether the bytes of a model hold a string that is exactly `text`: what precedes it is its length. In protobuf
/// (.onnx) that is a varint, which ends with the size or, written longer than need be, with 0; in flatbuffers (.ort) it
/// is four bytes, of which the last is 0.
bool holds_string(std::string_view bytes, std::string_view text) {
  for (auto at = bytes.find(text, 1); at != std::string_view::npos; at = bytes.find(text, at + 1)) {
    if (bytes[at - 1] == static_cast<char>(text.size()) || bytes[at - 1] == 0) return true;
  }
  return false;
}

}  // namespace

void check_self_contained(std::string_view bytes) {
  // The key under which a tensor names the file that holds its values, wherever in the graph the tensor is; and the
  // operator by which a provider loads a compiled model from a file of its own.
  for (const char* reference : {"location", "EPContext"}) {
    if (holds_string(bytes, reference)) {
      broken(std::string("the model refers to data outside of its file ('") + reference + "'), which is not read");
    }
  }
}

void check_file_self_contained(const std::filesystem::path& file, const CancelToken& cancel) {
  constexpr std::size_t chunk = std::size_t{1} << 20;
  constexpr std::size_t kept = 16;  // longer than what is looked for
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(kept + chunk, 'x');
  while (stream.read(bytes.data() + kept, chunk) || stream.gcount() > 0) {
    throw_if_cancelled(cancel, loading);
    const auto end = kept + static_cast<std::size_t>(stream.gcount());
    check_self_contained(std::string_view(bytes.data(), end));
    std::copy_n(bytes.data() + end - kept, kept, bytes.data());
  }
  throw_if_cancelled(cancel, loading);
}

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
  info.description = optional_text(find, "description");
  check_limits(info);
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
