#include "options.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "demo_model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/version.h"
#include "library.hpp"
#include "path_option.hpp"
#include "shard.hpp"
#include "track/file_settings.hpp"

namespace {

/// An option that may be repeated, each time with NAME=VALUE.
void add_pairs(CLI::App& app, const std::string& option, std::map<std::string, std::string>& pairs,
               const std::string& help, const std::string& text) {
  app.add_option_function<std::vector<std::string>>(
         option,
         [&pairs, option](const std::vector<std::string>& words) {
           for (const auto& word : words) {
             const auto sign = word.find('=');
             if (sign == std::string::npos) throw CLI::ValidationError(option, "'" + word + "' has no '='");
             pairs[word.substr(0, sign)] = word.substr(sign + 1);
           }
         },
         help)
      ->option_text(text)
      ->take_all()
      ->allow_extra_args(false);  // else it would swallow the inputs that follow
}

/// Of all overlaps, shifts, windows and weights that were tried the most that is gained for the time
/// (docs/performance.md#settings).
constexpr unsigned best_shifts = 5;

const std::map<std::string, demucs_ort::OtherMethod> other_methods{{"add", demucs_ort::OtherMethod::add},
                                                                   {"minus", demucs_ort::OtherMethod::minus}};

/// Which stems come of a track, and how carefully it is separated.
void add_separation_options(CLI::App& app, demucs_ort::SeparatorOptions& separation, std::string& other_method) {
  // CLI11's own lists would swallow the inputs that follow.
  const auto split = [&separation](const std::string& list) { separation.stems = CLI::detail::split(list, ','); };
  auto* stems =
      app.add_option_function<std::string>("--stems", split, "Write only these stems")->option_text("A,B,...");
  auto* two_stems = app.add_option("--two-stems", separation.two_stems, "Write STEM, and no_STEM with everything else")
                        ->option_text("STEM")
                        ->excludes(stems);
  app.add_option("--other-method", other_method,
                 "no_STEM is the sum of the other stems (add) or the mix minus STEM (minus)")
      ->check(CLI::IsMember(other_methods))
      ->capture_default_str()
      ->needs(two_stems);
  app.add_option("--residual-to", separation.residual_to,
                 "STEM becomes the mix minus all other stems, so that the stems add up to the mix")
      ->option_text("STEM")
      ->excludes(two_stems);
  auto* overlap = app.add_option("--overlap", separation.overlap,
                                 "The share of a segment that the next one covers again, 0 to below 1")
                      ->capture_default_str();
  auto* shifts = app.add_option("--shifts", separation.shifts,
                                "Average the stems of this many randomly shifted passes: slower, a little better")
                     ->capture_default_str();
  const auto best = [&separation] { separation.shifts = best_shifts; };
  app.add_flag_callback("--best", best,
                        "As well as the model can at a bearable price: the same as --shifts " +
                            std::to_string(best_shifts) + ", so many times as long")
      ->excludes(overlap)
      ->excludes(shifts);
  app.add_option("--seed", separation.seed, "Seed of the random shifts")->capture_default_str();
}

/// What computes.
void add_compute_options(CLI::App& app, Options& options) {
  auto& model_options = options.model_options;
  app.add_option("--threads", model_options.threads, "Threads for computing, of all jobs together; 0: one per core")
      ->capture_default_str();
  app.add_option("--runs", model_options.max_concurrent_runs,
                 "Runs of the model side by side; 0: on a processor one for every four threads, if memory allows, on "
                 "cuda 2, else 1")
      ->capture_default_str();
  app.add_option("--batch", model_options.max_batch,
                 "Segments that one run computes; 0: on cuda 2, or what its memory allows, else 1")
      ->capture_default_str();
  app.add_option("--memory", model_options.memory_mb,
                 "Memory that --runs 0 may count on, besides the model; 0: a quarter of what this process may have")
      ->option_text("MIB")
      ->capture_default_str();
  app.add_option("--provider", model_options.provider,
                 "What computes: one of --list-providers, or auto for the first GPU provider that works, else cpu")
      ->capture_default_str();
  add_pairs(app, "--provider-option", model_options.provider_options,
            "An option of the provider, as ONNX Runtime documents it; may be repeated", "NAME=VALUE");
  add_path(app, "--provider-library", model_options.provider_library,
           "A library that adds providers to ONNX Runtime 1.23 or later, of which --provider names one")
      ->option_text("FILE");
  app.add_flag("--low-priority", model_options.low_priority, "Use only the processor time that other programs leave");
  app.add_flag("--list-providers", options.list_providers,
               "Print the providers that this ONNX Runtime and --provider-library offer, and stop");
}

/// What is written, and how it is named.
void add_file_options(CLI::App& app, Options& options, FileRequest& request) {
  auto& encoding = request.encoding;
  app.add_option("--format", encoding.format, "Format of the files: wav (default), flac, mp3, m4a, ogg or stem.mp4")
      ->option_text("FORMAT");
  app.add_option(
         "--bit-depth", encoding.bit_depth,
         "Bits of a sample in lossless formats: 16, 24 or, in wav only, 32f (float); default 32f in wav, else 24")
      ->option_text("BITS");
  app.add_option("--codec", encoding.codec, "In m4a and stem.mp4: aac (default) or alac, which is lossless")
      ->option_text("CODEC");
  app.add_option("--bitrate", encoding.bitrate, "Bitrate of mp3 (default 320), aac (256) and ogg (256)")
      ->option_text("KBIT/S");
  app.add_option("--sample-rate", encoding.sample_rate, "Sample rate of the files (default: the input's)")
      ->option_text("HZ");
  app.add_option("--clip-mode", encoding.clip_mode,
                 "What to do with a stem beyond full scale: none (default), rescale (turn all of it down) or clamp "
                 "(cut the samples)")
      ->option_text("MODE");
  app.add_option("--filename", request.file_name,
                 "Names of the files in OUTDIR, made of {track}, {stem} and {ext} (default: {stem}.{ext}, and "
                 "{track}/{stem}.{ext} for several inputs; {track}.{ext} for stem.mp4)")
      ->option_text("PATTERN");
  auto& stem_file = request.stem_file;
  add_pairs(app, "--stem-name", stem_file.names, "In stem.mp4: the name shown for a stem", "STEM=NAME");
  add_pairs(app, "--stem-color", stem_file.colors, "In stem.mp4: its colour", "STEM=#RRGGBB");
  add_pairs(app, "--fold", stem_file.fold,
            "In stem.mp4: the stem that a fifth or sixth stem, such as guitar, is added to (default: other)",
            "STEM=STEM");
  app.add_flag(
      "--preserve-mix", stem_file.preserve_mix,
      "In stem.mp4: copy the song's packets unchanged where codec and rate allow it, instead of encoding it again");
  auto* from_stems = app.add_flag("--from-stems", options.from_stems,
                                  "Separate nothing: pack INPUT... (drums, bass, other, vocals) into NAME.stem.mp4");
  add_path(app, "--mix", options.mix, "The song that the packed stems are of (default: their sum)")
      ->option_text("FILE")
      ->needs(from_stems);
}

/// Which tracks are separated, and how many at a time.
void add_library_options(CLI::App& app, Options& options) {
  app.add_flag("-r,--recursive", options.recursive, "Also take the audio files in subfolders");
  app.add_flag("--force", options.force, "Separate all tracks again, also those that an earlier run has finished");
  constexpr unsigned max_jobs = 64;
  app.add_option(
         "--jobs", options.jobs,
         "Tracks at a time. They share --threads and --runs, so that one computes while another is read or written")
      ->check(CLI::Range(1U, max_jobs))
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--shard", [&options](const std::string& text) { options.shard = parse_shard(text); },
         "Separate only this part of the tracks, such as 3/16, the third of sixteen; which tracks are in it depends "
         "on their paths below INPUT alone")
      ->option_text("NUMBER/COUNT");
}

/// The paths of a command line that separates tracks.
void take_tracks(Options& options, const FileRequest& request, std::vector<std::filesystem::path> paths) {
  if (paths.size() < 2) {
    throw ExitError(exit_usage, "give at least one audio file and the output folder; see demucs_ort_cli --help");
  }
  options.uses_demo_model = options.model.empty();
  if (options.uses_demo_model) options.model = find_demo_model();
  options.output_folder = paths.back();
  paths.pop_back();
  options.inputs = std::move(paths);
  options.library = is_library(options.inputs);
  options.files = make_file_settings(request, options.library);
}

/// The paths of a command line that packs stems.
void take_stems(Options& options, FileRequest& request, std::vector<std::filesystem::path> paths) {
  auto& format = request.encoding.format;
  if (!format.empty() && format != "stem.mp4") {
    throw ExitError(exit_usage, "--from-stems writes stem.mp4, not " + format);
  }
  format = "stem.mp4";
  if (!options.model.empty() || !options.json.empty()) {
    throw ExitError(exit_usage, "--from-stems separates nothing: leave out --model and --json");
  }
  const std::string name = paths.empty() ? std::string() : demucs_ort::utf8(paths.back());
  const std::string ending = ".stem.mp4";
  if (paths.size() != 5 || name.size() <= ending.size() || name.substr(name.size() - ending.size()) != ending) {
    throw ExitError(exit_usage, "--from-stems takes four files, drums, bass, other and vocals, and then NAME.stem.mp4");
  }
  options.output_file = paths.back();
  paths.pop_back();
  options.inputs = std::move(paths);
  options.files = make_file_settings(request, false);
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  FileRequest request;
  std::vector<std::filesystem::path> paths;
  std::string other_method = "add";
  CLI::App app("Separates music into stems with an HTDemucs model made by demucs-export.", "demucs_ort_cli");
  app.allow_windows_style_options(false);  // "/x" is a path on every system
  app.set_version_flag("--version", std::string("demucs_ort_cli ") + DEMUCS_ORT_VERSION);
  app.footer(
      "One input writes OUTDIR/<stem>.wav, several write OUTDIR/<track>/<stem>.wav, at each input's sample rate. Tags "
      "and cover pictures are carried over.");

  add_paths(app, "paths", paths,
            "Audio files (anything FFmpeg decodes), folders, .m3u or .m3u8 playlists or patterns such as '*.mp3'; "
            "then the output folder")
      ->option_text("INPUT... OUTDIR");
  add_path(app, "-m,--model", options.model,
           "The model: an .onnx or .ort file, or the .json file of a bag (default: the demo model)")
      ->option_text("FILE");
  add_separation_options(app, options.separation, other_method);
  add_compute_options(app, options);
  add_file_options(app, options, request);
  add_library_options(app, options);
  add_path(app, "--json", options.json, "Write timings, memory use and model facts to FILE")->option_text("FILE");
  add_path(app, "--info", options.info, "Print what a model file says of itself, and stop")->option_text("MODEL");
  app.add_flag("-q,--quiet", options.quiet, "Say nothing but errors");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    app.exit(done, std::cout, std::cerr);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw ExitError(exit_usage, std::string(error.what()) + "; see demucs_ort_cli --help");
  }
  options.separation.other_method = other_methods.at(other_method);
  if (!options.info.empty() || options.list_providers) return options;
  if (options.from_stems) {
    take_stems(options, request, std::move(paths));
  } else {
    take_tracks(options, request, std::move(paths));
  }
  return options;
}
