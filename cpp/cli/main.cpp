#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <string>

#include "base/utf8.hpp"
#include "batch.hpp"
#include "common/exit_error.hpp"
#include "common/ffmpeg_setup.hpp"
#include "common/place_of.hpp"
#include "console.hpp"
#include "console_setup.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "json_file.hpp"
#include "library.hpp"
#include "no_reports.hpp"
#include "options.hpp"
#include "report.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/pack_stems.hpp"
#include "track/track.hpp"

namespace fs = std::filesystem;

namespace {

/// Packs existing stems into a stem file.
int pack(const Options& options, const Interrupt& interrupt, Console& console) {
  const fs::path place = place_of(options.output_file);
  auto inputs = options.inputs;
  inputs.push_back(options.mix);
  for (const auto& input : inputs) {
    if (place_of(input) == place) throw ExitError(exit_usage, "the stem file would overwrite an input");
  }
  const std::size_t id = console.begin(demucs_ort::utf8(options.output_file.filename()));
  const PackJob job{options.inputs, options.mix, options.output_file};
  const TrackResult result =
      pack_stems(job, options.files, [&](double fraction) { console.progress(id, fraction); }, interrupt.token());
  for (const auto& warning : result.warnings) console.warn(warning);
  std::string packed;
  for (std::size_t i = 0; i < stem_place_count; ++i) {
    packed += std::string(", ") + stem_places[i] + " '" + demucs_ort::utf8(result.packed[i]) + "'";
  }
  console.say("'" + demucs_ort::utf8(options.output_file) + "': the mix" + packed + ", of " +
              std::to_string(result.frames) + " frames");
  return exit_ok;
}

int run(const Options& options, const Interrupt& interrupt, Console& console) {
  if (options.list_providers) {
    for (const auto& name : demucs_ort::Model::available_providers(options.model_options)) std::cout << name << '\n';
    return exit_ok;
  }
  if (options.from_stems) return pack(options, interrupt, console);
  const bool only_info = !options.info.empty();
  RunReport report;
  const auto& model_file = only_info ? options.info : options.model;
  report.model_file = demucs_ort::utf8(model_file);
  if (!options.json.empty()) check_json_place(options.json, options.output_folder);
  const auto library = find_library(options.inputs, options.output_folder, options.recursive);
  report.left_out = library.left_out.counts();
  if (const auto sentence = library.left_out.sentence(); !sentence.empty()) console.say(sentence);
  const auto begin = std::chrono::steady_clock::now();
  auto model_options = options.model_options;
  model_options.cancel = interrupt.token();
  const auto model = demucs_ort::Model::load(model_file, model_options);
  report.load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (only_info) {
    std::cout << describe_model(*model);
    return exit_ok;
  }
  demucs_ort::Separator separator(model, options.separation, interrupt.token());
  for (const auto& reason : model->rejected_providers()) console.warn("auto rejected " + reason);
  if (!model->info().trained) {
    console.warn("'" + report.model_file + "' holds untrained weights: what it writes is no separation");
  }
  if (options.uses_demo_model) {
    console.warn("without -m this is the " + model->info().description + " (for that: demucs-export htdemucs)");
  }
  const int code = separate_all(options, library.tracks, model, separator, interrupt, console, report);
  if (!options.json.empty()) write_json(report, *model, options);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  forbid_reports();
  set_up_console();
  set_up_ffmpeg();
  Interrupt interrupt;
  std::string sentence;
  int result = exit_ok;
  const int failed = exit_code_of(interrupt, sentence, [&] {
    interrupt.watch();
    const auto options = parse_options(argc, argv);
    if (!options) return;
    Console console(options->quiet);
    result = run(*options, interrupt, console);
  });
  if (failed == exit_ok) return result;
  std::cerr << "demucs_ort_cli: " << sentence << std::endl;
  return failed;
}
