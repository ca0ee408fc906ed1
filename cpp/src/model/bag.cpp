#include "model/bag.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/utf8.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "model/model_contract.hpp"

namespace demucs_ort {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t max_manifest_bytes = 1 << 20;  // a real one has a few kilobytes
constexpr std::size_t max_members = 64;                 // demucs' largest bag has four

[[noreturn]] void broken_manifest(const std::string& what) {
  throw Error(Status::bad_model, what + "; export the model again with demucs-export");
}

json parse(const fs::path& manifest) {
  std::error_code error;
  const auto size = fs::file_size(manifest, error);
  if (error || size > max_manifest_bytes)
    broken_manifest("it cannot be read or is too large for a description of a bag");
  std::ifstream file(manifest, std::ios::binary);
  auto root = json::parse(file, nullptr, false);
  if (!root.is_object()) broken_manifest("it is not the JSON that demucs-export writes");
  return root;
}

const json& field(const json& object, const char* key, json::value_t type) {
  const auto found = object.find(key);
  if (found == object.end() || found->type() != type) {
    broken_manifest(std::string("its entry '") + key + "' is missing or of the wrong kind");
  }
  return *found;
}

std::string text(const json& object, const char* key) {
  return field(object, key, json::value_t::string).get<std::string>();
}

ModelInfo read_info(const json& root) {
  const json& facts = field(root, "model", json::value_t::object);
  return read_facts([&](const std::string& key) -> std::optional<std::string> {
    const auto found = facts.find(key.substr(key.find('.') + 1));  // there they have no prefix
    if (found == facts.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  });
}

/// The member's file of the kind that is there. Only names are accepted: a manifest must not reach into other folders.
fs::path member_file(const json& member, const fs::path& folder) {
  for (const char* kind : {"onnx", "ort"}) {
    const std::string name = text(member, kind);
    if (name.empty() || name.front() == '.' || name.find_first_of("/\\:") != std::string::npos) {
      broken_manifest("its member '" + name + "' is not the name of a file beside it");
    }
    std::error_code error;
    if (fs::path file = folder / utf8_path(name); fs::is_regular_file(file, error)) return file;
  }
  throw Error(Status::bad_model,
              "its member '" + text(member, "onnx") + "' is missing; keep the files of a bag together in one folder");
}

std::vector<float> read_shares(const json& member, std::size_t sources) {
  std::vector<float> shares;
  for (const json& weight : field(member, "weights", json::value_t::array)) {
    const double value = weight.is_number() ? weight.get<double>() : std::nan("");
    if (!(std::abs(value) <= 1e6)) broken_manifest("it has a weight that is no sensible number");
    shares.push_back(static_cast<float>(value));
  }
  if (shares.size() != sources) broken_manifest("a member does not have one weight for every source");
  return shares;
}

void normalise(Bag& bag) {
  for (std::size_t s = 0; s < bag.info.sources.size(); ++s) {
    double total = 0;
    for (const auto& member : bag.members) total += member.shares[s];
    if (!(std::abs(total) > 1e-6)) broken_manifest("the weights of '" + bag.info.sources[s] + "' add up to nothing");
    for (auto& member : bag.members) member.shares[s] = static_cast<float>(member.shares[s] / total);
  }
}

Bag read(const fs::path& manifest) {
  const json root = parse(manifest);
  if (root.find("members") == root.end()) {
    broken_manifest("it describes a single model, not a bag: give the .onnx or .ort file beside it");
  }
  Bag bag;
  bag.info = read_info(root);
  const json& members = field(root, "members", json::value_t::array);
  if (members.empty() || members.size() > max_members) broken_manifest("it has no members, or far too many");
  for (const json& member : members) {
    if (!member.is_object()) broken_manifest("its list of members holds something else");
    bag.members.push_back({member_file(member, manifest.parent_path()), text(member, "weights_sha256"),
                           read_shares(member, bag.info.sources.size())});
    bag.info.members.push_back(utf8(bag.members.back().file.filename()));
  }
  normalise(bag);
  return bag;
}

}  // namespace

Bag read_bag(const fs::path& manifest) {
  try {
    return read(manifest);
  } catch (const Error& failure) {
    throw Error(failure.status(), "cannot use the bag '" + utf8(manifest) + "': " + failure.what());
  }
}

void check_member(const Bag& bag, const Bag::Member& member, const ModelInfo& info) {
  const bool fits = info.weights_sha256 == member.weights_sha256 && info.sources == bag.info.sources &&
                    info.sample_rate == bag.info.sample_rate && info.channels == bag.info.channels &&
                    info.segment_frames == bag.info.segment_frames;
  if (!fits) {
    throw Error(Status::bad_model, "'" + utf8(member.file) + "' is not the model that the bag '" + bag.info.name +
                                       "' was exported with; keep the files of a bag together");
  }
}

}  // namespace demucs_ort
