#include "batch.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/joining_thread.hpp"
#include "base/utf8.hpp"
#include "common/exit_error.hpp"
#include "common/place_of.hpp"
#include "console.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "library.hpp"
#include "options.hpp"
#include "report.hpp"
#include "shard.hpp"
#include "track/file_settings.hpp"
#include "track/separate_track.hpp"
#include "track/track.hpp"
#include "track_record.hpp"

namespace fs = std::filesystem;

namespace {

/// No file may take the place of an input or of another track's file: such a track gets a problem.
std::vector<Track> with_files_protected(std::vector<Track> tracks, const FileSettings& settings,
                                        const std::vector<std::string>& stems) {
  std::set<fs::path> inputs;
  std::map<fs::path, int> writers;
  const auto for_each_file = [&](const auto& look) {
    for (auto& track : tracks) {
      if (track.problem) continue;
      for (const auto& file : output_files(stems, track.job, settings)) look(track, file, place_of(file));
    }
  };
  for (const auto& track : tracks) inputs.insert(place_of(track.job.input));
  for_each_file([&](Track&, const fs::path&, const fs::path& place) { ++writers[place]; });
  for_each_file([&](Track& track, const fs::path& file, const fs::path& place) {
    if (inputs.count(place) > 0) {
      track.problem.emplace(exit_usage, "the stem '" + demucs_ort::utf8(file) +
                                            "' would overwrite an input of that name; choose another output folder");
    } else if (writers[place] > 1) {
      track.problem.emplace(exit_usage, "two inputs would both be written to '" + demucs_ort::utf8(file) +
                                            "'; separate them in two runs");
    }
  });
  return tracks;
}

/// The tracks of this run's shard. What leads to no song, such as a folder that cannot be read, is told by every run.
std::vector<Track> of_shard(std::vector<Track> tracks, const Shard& shard) {
  tracks.erase(std::remove_if(tracks.begin(), tracks.end(),
                              [&](const Track& track) { return !track.place.empty() && !shard.has(track.place); }),
               tracks.end());
  return tracks;
}

class Batch {
 public:
  Batch(const Options& options, const std::vector<Track>& tracks, std::shared_ptr<const demucs_ort::Model> model,
        demucs_ort::Separator& separator, const Interrupt& interrupt, Console& console)
      : options_(options),
        tracks_(of_shard(with_files_protected(tracks, options.files, separator.stems()), options.shard)),
        model_(std::move(model)),
        interrupt_(interrupt),
        console_(console),
        first_(separator),
        results_(tracks_.size()) {
    if (options.shard.is_all()) return;
    console.say("shard " + to_text(options.shard) + ": " + std::to_string(tracks_.size()) + " of " +
                std::to_string(tracks.size()) + " tracks");
  }

  std::vector<TrackResult> run() {
    find_what_is_done();
    console_.expect(to_do_.size());
    {
      std::vector<demucs_ort::JoiningThread> jobs;
      start(jobs);
      work(first_);
    }
    if (interrupt_.signal() == 0) explain_what_was_left();
    return results_;
  }

  int exit_code() const {
    if (interrupt_.signal() != 0 && !all_tried()) return 128 + interrupt_.signal();
    const auto failed = [](const TrackResult& result) { return result.exit_code != exit_ok; };
    const auto first = std::find_if(results_.begin(), results_.end(), failed);
    if (first == results_.end()) return exit_ok;
    return std::all_of(results_.begin(), results_.end(), failed) ? first->exit_code : exit_some_tracks;
  }

  /// For people who come back after hours.
  void show_failures() const {
    if (results_.size() < 2) return;
    std::vector<const TrackResult*> failures;
    for (const auto& result : results_) {
      if (result.exit_code > exit_ok && result.exit_code < 128) failures.push_back(&result);
    }
    if (failures.empty()) return;
    console_.error(std::to_string(failures.size()) + " of " + std::to_string(results_.size()) + " tracks failed:");
    for (const auto* failure : failures) {
      console_.error("  " + std::to_string(failure->exit_code) + "  " + demucs_ort::utf8(failure->input) + "  " +
                     failure->error);
    }
  }

 private:
  TrackRecord record_of(const TrackJob& job) const {
    return {job, output_files(first_.stems(), job, options_.files), *model_, options_.separation, options_.files};
  }

  void find_what_is_done() {
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
      results_[i].input = tracks_[i].job.input;
      const bool may_skip = options_.library && !options_.force && !tracks_[i].problem;
      results_[i].skipped = may_skip && record_of(tracks_[i].job).is_done();
      if (results_[i].skipped) {
        results_[i].files = output_files(first_.stems(), tracks_[i].job, options_.files);
      } else {
        results_[i].exit_code = not_tried;
        to_do_.push_back(i);
      }
    }
    if (const std::size_t done = tracks_.size() - to_do_.size(); done > 0) {
      console_.say(std::to_string(done) + " of " + std::to_string(tracks_.size()) +
                   " tracks are done already; --force separates them again");
    }
  }

  /// Starts the further jobs. If one cannot start, the others do its tracks.
  void start(std::vector<demucs_ort::JoiningThread>& jobs) {
    const std::size_t wanted = std::min<std::size_t>(options_.jobs, to_do_.size());
    std::string sentence;
    const int failed = exit_code_of(interrupt_, sentence, [&] {
      while (jobs.size() + 1 < wanted) jobs.emplace_back([this] { do_further_job(); });
    });
    if (failed != exit_ok) console_.error("a job could not start: " + sentence);
  }

  /// On a thread of its own, which no exception may leave.
  void do_further_job() noexcept {
    try {
      std::string sentence;
      const int failed = exit_code_of(interrupt_, sentence, [&] {
        demucs_ort::Separator separator(model_, options_.separation, interrupt_.token());
        work(separator);
      });
      if (failed != exit_ok) console_.error("a job could not start: " + sentence);
    } catch (const std::exception&) {
      // There is no memory even for a message; `explain_what_was_left` tells what became of it.
    }
  }

  /// A job that has no memory to tell what became of its track leaves it as it was.
  void explain_what_was_left() {
    for (auto& result : results_) {
      if (result.exit_code != not_tried) continue;
      result.exit_code = exit_internal;
      result.error = "there is not enough memory";
    }
  }

  /// Takes track after track until none is left. Several threads do this, each with a separator of its own.
  void work(demucs_ort::Separator& separator) {
    while (interrupt_.signal() == 0) {
      const std::size_t at = next_++;
      if (at >= to_do_.size()) return;
      separate(separator, to_do_[at]);
    }
  }

  void separate(demucs_ort::Separator& separator, std::size_t index) {
    const Track& track = tracks_[index];
    TrackResult result;
    std::string error;
    const std::size_t id = console_.begin(demucs_ort::utf8(track.job.input.filename()));
    const int code = exit_code_of(interrupt_, error, [&] {
      if (track.problem) throw *track.problem;
      result = separate_track(
          separator, track.job, options_.files, [&](double fraction) { console_.progress(id, fraction); },
          interrupt_.token());
      if (options_.library) record_of(track.job).save();
    });
    console_.end(id);
    result.input = track.job.input;
    result.error = error;
    result.exit_code = code;
    results_[index] = result;
    for (const auto& warning : result.warnings) console_.warn(warning);
    if (code != exit_ok) {
      console_.error(results_.size() > 1 ? "'" + demucs_ort::utf8(track.job.input) + "': " + error : error);
    } else {
      console_.say("'" + demucs_ort::utf8(result.files.front().parent_path()) +
                   "': " + std::to_string(result.files.size()) +
                   (result.files.size() == 1 ? " file of " : " files of ") + std::to_string(result.frames) + " frames");
    }
  }

  bool all_tried() const {
    return std::none_of(results_.begin(), results_.end(), [](const TrackResult& result) {
      return result.exit_code == not_tried || result.exit_code >= 128;
    });
  }

  static constexpr int not_tried = -1;

  const Options& options_;
  std::vector<Track> tracks_;
  std::shared_ptr<const demucs_ort::Model> model_;
  const Interrupt& interrupt_;
  Console& console_;
  demucs_ort::Separator& first_;
  std::vector<TrackResult> results_;  // of each track; jobs write to different ones
  std::vector<std::size_t> to_do_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace

int separate_all(const Options& options, const std::vector<Track>& tracks,
                 const std::shared_ptr<const demucs_ort::Model>& model, demucs_ort::Separator& separator,
                 const Interrupt& interrupt, Console& console, RunReport& report) {
  Batch batch(options, tracks, model, separator, interrupt, console);
  for (auto& result : batch.run()) {
    if (result.exit_code >= 0) report.tracks.push_back(std::move(result));
  }
  batch.show_failures();
  return batch.exit_code();
}
