#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "shard.hpp"
#include "track/file_settings.hpp"

/// The parsed command line.
struct Options {
  std::vector<std::filesystem::path> inputs;
  std::filesystem::path output_folder;
  std::filesystem::path model;
  bool uses_demo_model = false;  ///< no model was given
  std::filesystem::path info;    ///< set: describe this model and do nothing else
  std::filesystem::path json;
  demucs_ort::ModelOptions model_options;
  demucs_ort::SeparatorOptions separation;
  FileSettings files;
  bool library = false;       ///< several tracks: what is done is skipped, what fails ends in a table
  bool recursive = false;     ///< folders with their subfolders
  bool force = false;         ///< separate what is done already
  unsigned jobs = 1;          ///< tracks at a time
  Shard shard;                ///< the tracks that are this run's part
  bool from_stems = false;    ///< pack `inputs` into `output_file`, and separate nothing
  std::filesystem::path mix;  ///< for from_stems; empty: the sum of the stems
  std::filesystem::path output_file;
  bool list_providers = false;
  bool quiet = false;
};

/// Parses the command line; nothing if --help or --version has printed all there was to do. Throws ExitError
/// exit_usage.
std::optional<Options> parse_options(int argc, char** argv);
