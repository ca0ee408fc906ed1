#include "options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "demo_model.hpp"
#include "demucs_ort/version.hpp"
#include "encoding.hpp"
#include "failure.hpp"
#include "file_name.hpp"

namespace {

/// What is written, and how it is named.
void add_file_options(CLI::App& app, Options& options, EncodingRequest& encoding) {
  app.add_option("--format", encoding.format, "What is written: wav (default), flac, mp3, m4a or ogg")
      ->option_text("FORMAT");
  app.add_option("--bit-depth", encoding.bit_depth,
                 "Samples of 16, 24 or 32f (float) bits; default 32f in wav, else 24")
      ->option_text("BITS");
  app.add_option("--codec", encoding.codec, "In m4a: aac (default) or alac, which is lossless")->option_text("CODEC");
  app.add_option("--bitrate", encoding.bitrate, "Of mp3 (default 320), aac and ogg (256)")->option_text("KBIT/S");
  app.add_option("--clip-mode", encoding.clip_mode,
                 "What is done to a stem beyond full scale: none (default), rescale all of it, or clamp the samples")
      ->option_text("MODE");
  app.add_option("--filename", options.files.file_name,
                 "Names of the files in OUTDIR, made of {track}, {stem} and {ext} (default: {stem}.{ext}, and "
                 "{track}/{stem}.{ext} for several inputs)")
      ->option_text("PATTERN");
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  auto& separation = options.separation;
  CLI::App app("Separates music into stems with an HTDemucs model made by demucs-export.", "demucs_ort_cli");
  app.set_version_flag("--version", std::string("demucs_ort_cli ") + DEMUCS_ORT_VERSION);
  app.footer(
      "One input writes OUTDIR/<stem>.wav, several write OUTDIR/<track>/<stem>.wav, at each input's sample rate. Tags "
      "and cover pictures are carried over.");

  std::vector<std::filesystem::path> paths;
  app.add_option("paths", paths, "Audio files (anything FFmpeg decodes), then the output folder")
      ->option_text("INPUT... OUTDIR");
  app.add_option("-m,--model", options.model,
                 "The model: an .onnx or .ort file, or the .json file of a bag (default: the demo model)")
      ->option_text("FILE");
  // CLI11's own lists would swallow the inputs that follow.
  const auto split = [&](const std::string& list) { separation.stems = CLI::detail::split(list, ','); };
  auto* stems =
      app.add_option_function<std::string>("--stems", split, "Write only these stems")->option_text("A,B,...");
  auto* two_stems = app.add_option("--two-stems", separation.two_stems, "Write STEM and no_STEM, which is all else")
                        ->option_text("STEM")
                        ->excludes(stems);
  const std::map<std::string, demucs_ort::OtherMethod> methods{{"add", demucs_ort::OtherMethod::add},
                                                               {"minus", demucs_ort::OtherMethod::minus}};
  std::string other_method = "add";
  app.add_option("--other-method", other_method, "Make no_STEM by adding the other stems, or of the mix minus STEM")
      ->check(CLI::IsMember(methods))
      ->capture_default_str()
      ->needs(two_stems);
  app.add_option("--residual-to", separation.residual_to, "Give STEM all that the others leave: they add up to the mix")
      ->option_text("STEM")
      ->excludes(two_stems);
  app.add_option("--overlap", separation.overlap, "Overlap of neighbouring segments, 0 to below 1")
      ->capture_default_str();
  app.add_option("--shifts", separation.shifts, "Average this many randomly shifted passes (slower, a little better)")
      ->capture_default_str();
  app.add_option("--seed", separation.seed, "Seed of the random shifts")->capture_default_str();
  app.add_option("--threads", options.model_options.threads, "Threads for the model; 0: one per core")
      ->capture_default_str();
  app.add_option("--provider", options.model_options.provider, "What computes: auto, or one of --list-providers")
      ->capture_default_str();
  app.add_option_function<std::vector<std::string>>(
         "--provider-option",
         [&](const std::vector<std::string>& pairs) {
           for (const auto& pair : pairs) {
             const auto sign = pair.find('=');
             if (sign == std::string::npos)
               throw CLI::ValidationError("--provider-option", "'" + pair + "' has no '='");
             options.model_options.provider_options[pair.substr(0, sign)] = pair.substr(sign + 1);
           }
         },
         "Passed on to the provider; may be repeated")
      ->option_text("NAME=VALUE")
      ->expected(1)
      ->take_all();
  app.add_flag("--low-priority", options.model_options.low_priority, "Compute only what other programs leave");
  app.add_flag("--list-providers", options.list_providers, "Print the providers of this ONNX Runtime, and stop");
  EncodingRequest encoding;
  add_file_options(app, options, encoding);
  app.add_option("--json", options.json, "Write timings, memory use and model facts to FILE")->option_text("FILE");
  app.add_option("--info", options.info, "Print what a model file says of itself, and stop")->option_text("MODEL");
  app.add_flag("-q,--quiet", options.quiet, "Say nothing but errors");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    app.exit(done, std::cout, std::cerr);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw Failure(exit_usage, std::string(error.what()) + "; see demucs_ort_cli --help");
  }
  options.files.encoding = make_encoding(encoding);
  separation.other_method = methods.at(other_method);
  if (!options.info.empty() || options.list_providers) return options;
  if (paths.size() < 2) {
    throw Failure(exit_usage, "give at least one audio file and the output folder; see demucs_ort_cli --help");
  }
  options.uses_demo_model = options.model.empty();
  if (options.uses_demo_model) options.model = find_demo_model();
  options.output_folder = paths.back();
  paths.pop_back();
  options.inputs = std::move(paths);
  const bool several = options.inputs.size() > 1;
  auto& pattern = options.files.file_name;
  if (pattern.empty()) pattern = several ? "{track}/{stem}.{ext}" : "{stem}.{ext}";
  check_file_name_pattern(pattern, several, true);
  return options;
}
