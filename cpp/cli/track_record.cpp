#include "track_record.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "base/utf8.hpp"
#include "base/utf8_text.hpp"
#include "common/encoding.hpp"
#include "common/short_hash.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "json_file.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr int version = 1;
const std::string record_ending = ".demucs_ort.json";

/// Hidden, and short enough for every file system, however long the track's name is.
fs::path record_path(const fs::path& track) {
  constexpr std::size_t longest = 100;
  const std::string name = demucs_ort::utf8(track);
  return demucs_ort::utf8_path("." + (name.size() <= longest ? name : short_hash(name)) + record_ending);
}

/// The record in a file, or something that is no object.
ordered_json read_record(const fs::path& place) {
  std::ifstream file(place);
  return ordered_json::parse(file, nullptr, false);
}

int bits(SampleFormat samples) {
  return samples == SampleFormat::int16 ? 16 : samples == SampleFormat::int24 ? 24 : 32;
}

ordered_json describe(const demucs_ort::SeparatorOptions& separation) {
  return {{"stems", separation.stems},
          {"two_stems", separation.two_stems},
          {"other_method", separation.other_method == demucs_ort::OtherMethod::add ? "add" : "minus"},
          {"residual_to", separation.residual_to},
          {"overlap", separation.overlap},
          {"shifts", separation.shifts},
          {"seed", separation.seed}};
}

ordered_json describe(const FileSettings& settings) {
  const Encoding& encoding = settings.encoding;
  ordered_json json{{"format", file_ending(encoding.format)}, {"encoder", encoder_name(encoding)},
                    {"bits", bits(encoding.samples)},         {"bitrate", encoding.bitrate},
                    {"sample_rate", encoding.sample_rate},    {"clip_mode", static_cast<int>(encoding.clip_mode)}};
  if (encoding.format == Format::stem_mp4) {
    json["manifest"] = ordered_json::parse(stem_manifest(settings.stem_file));
    json["fold"] = settings.stem_file.fold;
    json["preserve_mix"] = settings.stem_file.preserve_mix;
  }
  return json;
}

/// Size and time of an input; null for one that cannot be read.
ordered_json describe(const fs::path& input) {
  std::error_code error;
  const auto size = fs::file_size(input, error);
  if (error) return {};
  const auto time = fs::last_write_time(input, error);
  return {{"bytes", size}, {"time", static_cast<std::int64_t>(time.time_since_epoch().count())}};
}

ordered_json sizes(const std::vector<fs::path>& files) {
  ordered_json json = ordered_json::array();
  for (const auto& file : files) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    json.push_back({{"name", recorded_name(file)}, {"bytes", error ? 0 : size}});
  }
  return json;
}

}  // namespace

TrackRecord::TrackRecord(const TrackJob& job, const std::vector<fs::path>& files, const demucs_ort::Model& model,
                         const demucs_ort::SeparatorOptions& separation, const FileSettings& settings)
    : place_(files.front().parent_path() / record_path(demucs_ort::utf8_path(job.name).filename())), files_(files) {
  const auto& info = model.info();
  made_with_ = {
      {"version", version},
      {"input", describe(job.input)},
      {"model", {{"name", info.name}, {"weights_sha256", info.weights_sha256}, {"precision", info.precision}}},
      {"provider", model.provider()},
      {"separation", describe(separation)},
      {"files", describe(settings)}};
}

bool TrackRecord::is_done() const {
  const auto found = read_record(place_);
  if (!found.is_object() || made_with_["input"].is_null()) return false;
  for (const auto& [key, value] : made_with_.items()) {
    if (!found.contains(key) || found[key] != value) return false;
  }
  return found.contains("written") && found["written"] == sizes(files_);
}

void TrackRecord::save() const {
  ordered_json json = made_with_;
  json["written"] = sizes(files_);
  write_json_file(place_, json);
}

bool is_track_record(const fs::path& file) {
  const std::string name = demucs_ort::utf8(file.filename());
  return name.size() > record_ending.size() && name.ends_with(record_ending);
}

std::string recorded_name(const fs::path& file) { return demucs_ort::utf8_text(demucs_ort::utf8(file.filename())); }

std::set<std::string> files_recorded_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_track_record(entry->path())) continue;
    const auto record = read_record(entry->path());
    if (!record.is_object()) continue;
    for (const auto& file : record.value("written", ordered_json::array())) {
      if (file.is_object() && file.contains("name") && file["name"].is_string()) names.insert(file["name"]);
    }
  }
  return names;
}
