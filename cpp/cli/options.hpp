#pragma once

#include <filesystem>
#include <vector>

#include "audio_file.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

/// The parsed command line.
struct Options {
  std::vector<std::filesystem::path> inputs;
  std::filesystem::path output_folder;
  std::filesystem::path model;
  std::filesystem::path info;  ///< set: describe this model and do nothing else
  std::filesystem::path json;
  demucs_ort::ModelOptions model_options;
  demucs_ort::SeparatorOptions separation;
  SampleFormat format = SampleFormat::float32;
  bool quiet = false;
};

/// Parses the command line. Prints and exits through CLI11 for --help and --version; throws Failure exit_usage.
Options parse_options(int argc, char** argv);

/// Thrown after --help or --version has printed what was asked for.
struct NothingToDo {};
