#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"
#include "options.hpp"
#include "track/track.hpp"

/// What one run of the program did.
struct RunReport {
  std::string model_file;
  double load_seconds = 0;
  std::map<std::string, std::size_t> left_out;  ///< of the folders, counted by the reason
  std::vector<TrackResult> tracks;
};

/// The text behind --info.
std::string describe_model(const demucs_ort::Model& model);

/// Writes the report as JSON, complete or not at all. Throws ExitError exit_output.
void write_json(const RunReport& report, const demucs_ort::Model& model, const Options& options);
