#include "report.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "base/utf8.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/version.h"
#include "json_file.hpp"
#include "options.hpp"
#include "peak_memory.hpp"
#include "shard.hpp"
#include "track/track.hpp"

using nlohmann::ordered_json;

namespace {

ordered_json model_json(const demucs_ort::ModelInfo& info) {
  return {{"name", info.name},
          {"sample_rate", info.sample_rate},
          {"channels", info.channels},
          {"segment_frames", info.segment_frames},
          {"sources", info.sources},
          {"precision", info.precision},
          {"trained", info.trained},
          {"weights_sha256", info.weights_sha256},
          {"demucs_version", info.demucs_version},
          {"description", info.description},
          {"members", info.members}};
}

ordered_json track_json(const TrackResult& track) {
  ordered_json json{{"input", demucs_ort::utf8(track.input)}, {"exit_code", track.exit_code}};
  if (track.exit_code != 0) {
    json["error"] = track.error;
    return json;
  }
  json["stems"] = ordered_json::array();
  for (const auto& stem : track.files) json["stems"].push_back(demucs_ort::utf8(stem));
  json["skipped"] = track.skipped;
  if (track.skipped) return json;
  json["frames"] = track.frames;
  json["sample_rate"] = track.sample_rate;
  json["audio_seconds"] = track.audio_seconds;
  json["run_seconds"] = track.run_seconds;
  json["real_time_factor"] = track.run_seconds / track.audio_seconds;
  json["model_seconds"] = track.model_seconds;
  return json;
}

}  // namespace

std::string describe_model(const demucs_ort::Model& model) {
  const auto& info = model.info();
  std::string stems;
  for (const auto& source : info.sources) stems += (stems.empty() ? "" : ", ") + source;
  std::string members;
  for (const auto& member : info.members) members += (members.empty() ? "\nmembers         " : ", ") + member;
  const std::string description = info.description.empty() ? "" : "\ndescription     " + info.description;
  return "name            " + info.name + description + "\nstems           " + stems + "\nsample rate     " +
         std::to_string(info.sample_rate) + " Hz\nchannels        " + std::to_string(info.channels) +
         "\nsegment         " + std::to_string(info.segment_frames) + " frames\nprecision       " + info.precision +
         "\ntrained         " + (info.trained ? "yes" : "no: for tests only, its output is no separation") +
         "\nweights sha256  " + info.weights_sha256 + "\ndemucs          " + info.demucs_version + members +
         "\nONNX Runtime    " + model.runtime_version() + ", " + model.provider() + "\n";
}

void write_json(const RunReport& report, const demucs_ort::Model& model, const Options& options) {
  ordered_json json{{"demucs_ort_version", DEMUCS_ORT_VERSION},
                    {"onnxruntime_version", model.runtime_version()},
                    {"provider", model.provider()},
                    {"rejected_providers", model.rejected_providers()},
                    {"threads", model.threads()},
                    {"max_concurrent_runs", model.max_concurrent_runs()},
                    {"max_batch", model.max_batch()},
                    {"jobs", options.jobs},
                    {"shard", to_text(options.shard)},
                    {"overlap", options.separation.overlap},
                    {"shifts", options.separation.shifts},
                    {"seed", options.separation.seed},
                    {"model_file", report.model_file},
                    {"model", model_json(model.info())},
                    {"load_seconds", report.load_seconds},
                    {"peak_memory_bytes", peak_memory_bytes()},
                    {"left_out", report.left_out},
                    {"tracks", ordered_json::array()}};
  for (const auto& track : report.tracks) json["tracks"].push_back(track_json(track));

  write_json_file(options.json, json);
}
