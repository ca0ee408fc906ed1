#include <chrono>
#include <iostream>
#include <set>

#include "console.hpp"
#include "demucs_ort/demucs_ort.hpp"
#include "failure.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "report.hpp"
#include "stem_pack.hpp"
#include "track.hpp"

namespace fs = std::filesystem;

namespace {

ExitCode exit_code_for(demucs_ort::Status status) {
  switch (status) {
    case demucs_ort::Status::invalid_argument:
      return exit_usage;
    case demucs_ort::Status::bad_model:
      return exit_model;
    case demucs_ort::Status::bad_audio:
      return exit_input;
    case demucs_ort::Status::runtime_missing:
    case demucs_ort::Status::runtime_failed:
      return exit_runtime;
    case demucs_ort::Status::cancelled:
      break;
  }
  return exit_internal;
}

/// Turns what `work` throws into the exit code and the sentence for the user; 0 if it throws nothing.
template <typename Work>
int guarded(const Interrupt& interrupt, std::string& sentence, const Work& work) {
  try {
    work();
    return exit_ok;
  } catch (const Failure& failure) {
    sentence = failure.what();
    return failure.code();
  } catch (const demucs_ort::Error& error) {
    sentence = error.what();
    if (error.status() == demucs_ort::Status::cancelled) return 128 + interrupt.signal();
    return exit_code_for(error.status());
  } catch (const std::bad_alloc&) {
    sentence = "there is not enough memory";
    return exit_internal;
  } catch (const std::exception& error) {
    sentence = std::string("internal error: ") + error.what();
    return exit_internal;
  }
}

/// One job for each input; {track} is its name without ending.
std::vector<TrackJob> make_jobs(const Options& options) {
  std::vector<TrackJob> jobs;
  for (const auto& input : options.inputs) jobs.push_back({input, options.output_folder, input.stem().string()});
  return jobs;
}

/// No file may take the place of an input or of another track's file.
void protect_files(const std::vector<TrackJob>& jobs, const FileSettings& settings,
                   const std::vector<std::string>& stems) {
  std::set<fs::path> inputs, outputs;
  for (const auto& job : jobs) inputs.insert(fs::weakly_canonical(job.input));
  for (const auto& job : jobs) {
    for (const auto& file : output_files(stems, job, settings)) {
      const fs::path place = fs::weakly_canonical(file);
      if (inputs.count(place) > 0) {
        throw Failure(exit_usage, "the stem '" + file.string() +
                                      "' would overwrite an input of that name; choose another output folder");
      }
      if (!outputs.insert(place).second) {
        throw Failure(exit_usage,
                      "two inputs would both be written to '" + file.string() + "'; separate them in two runs");
      }
    }
  }
}

/// Separates all inputs, going on after a bad one; returns the first failure's exit code.
int separate_all(const Options& options, demucs_ort::Separator& separator, const Interrupt& interrupt, Console& console,
                 RunReport& report) {
  int code = exit_ok;
  const auto jobs = make_jobs(options);
  protect_files(jobs, options.files, separator.stems());
  for (std::size_t i = 0; i < jobs.size() && interrupt.signal() == 0; ++i) {
    TrackResult track;
    std::string error;
    console.begin(jobs[i].input.filename().string());
    const int track_code = guarded(interrupt, error, [&] {
      track = separate_track(
          separator, jobs[i], options.files, [&](double fraction) { console.progress(fraction); }, interrupt.token());
    });
    track.input = jobs[i].input;
    track.error = error;
    track.exit_code = track_code;
    report.tracks.push_back(track);
    for (const auto& warning : track.warnings) console.warn(warning);
    if (track_code != exit_ok) {
      console.error(jobs.size() > 1 ? "'" + jobs[i].input.string() + "': " + error : error);
      if (code == exit_ok) code = track_code;
    } else {
      console.say("'" + track.files.front().parent_path().string() + "': " + std::to_string(track.files.size()) +
                  " files of " + std::to_string(track.frames) + " frames");
    }
  }
  // Stopped between two tracks, so that no track could report it.
  const bool unfinished = report.tracks.size() < jobs.size();
  return unfinished && code == exit_ok ? 128 + interrupt.signal() : code;
}

/// Packs existing stems into a stem file.
int pack(const Options& options, const Interrupt& interrupt, Console& console) {
  const fs::path place = fs::weakly_canonical(options.output_file);
  for (const auto& input : options.inputs) {
    if (fs::weakly_canonical(input) == place) throw Failure(exit_usage, "the stem file would overwrite an input");
  }
  console.begin(options.output_file.filename().string());
  const PackJob job{options.inputs, options.mix, options.output_file};
  const TrackResult result =
      pack_stems(job, options.files, [&](double fraction) { console.progress(fraction); }, interrupt.token());
  for (const auto& warning : result.warnings) console.warn(warning);
  console.say("'" + options.output_file.string() + "': four stems and their mix of " + std::to_string(result.frames) +
              " frames");
  return exit_ok;
}

int run(const Options& options, const Interrupt& interrupt, Console& console) {
  if (options.list_providers) {
    for (const auto& name : demucs_ort::Model::available_providers(options.model_options)) std::cout << name << '\n';
    return exit_ok;
  }
  if (options.from_stems) return pack(options, interrupt, console);
  const auto begin = std::chrono::steady_clock::now();
  const bool only_info = !options.info.empty();
  RunReport report;
  report.model_file = (only_info ? options.info : options.model).string();
  const auto model = demucs_ort::Model::load(report.model_file, options.model_options);
  report.load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (only_info) {
    std::cout << describe_model(*model);
    return exit_ok;
  }
  demucs_ort::Separator separator(model, options.separation);
  for (const auto& reason : model->passed_over()) console.warn("auto passed over " + reason);
  if (!model->info().trained) {
    console.warn("'" + report.model_file + "' holds untrained weights: what it writes is no separation");
  }
  if (options.uses_demo_model) {
    console.warn("without -m this is the " + model->info().description + " (for that: demucs-export htdemucs)");
  }
  const int code = separate_all(options, separator, interrupt, console, report);
  if (!options.json.empty()) write_json(report, *model, options);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  silence_ffmpeg();
  const Interrupt interrupt;
  std::string sentence;
  int result = exit_ok;
  const int failed = guarded(interrupt, sentence, [&] {
    const auto options = parse_options(argc, argv);
    if (!options) return;
    Console console(options->quiet);
    result = run(*options, interrupt, console);
  });
  if (failed == exit_ok) return result;
  std::cerr << "demucs_ort_cli: " << sentence << std::endl;
  return failed;
}
