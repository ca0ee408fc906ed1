#include "track/separate_track.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "read/audio_reader.hpp"
#include "read/packet_copy.hpp"
#include "read/read_ahead.hpp"
#include "read/song_feed.hpp"
#include "read/song_tags.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"
#include "track/track_stages.hpp"
#include "write/final_names.hpp"
#include "write/scratch_folder.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

void protect(const fs::path& input, const std::vector<fs::path>& files) {
  std::error_code ignored;
  for (const auto& file : files) {
    if (fs::equivalent(file, input, ignored)) {
      throw ExitError(exit_usage, "the stem '" + demucs_ort::utf8(file) +
                                      "' would overwrite an input of that name; choose another output folder");
    }
  }
}

/// The files of one track: written aside, then renamed together.
class TrackFiles {
 public:
  TrackFiles(const std::vector<std::string>& stems, const TrackJob& job, const FileSettings& settings)
      : job_(job), settings_(settings), finals_(output_files(stems, job, settings)) {
    protect(job.input, finals_);
    if (makes_stem_file(settings)) places_ = places_of(stems, settings.stem_file);
    scratch_.emplace(job.folder);
    check_final_names(*scratch_, finals_);
  }

  bool is_open() const noexcept { return stages_.has_value(); }

  /// Called when the input's rate and length are known. The frames that follow are the model's.
  void open(const AudioReader& reader, int model_rate, std::size_t channels) {
    const auto& found = reader.found();
    TrackFrames track;
    track.channels = channels;
    track.rate = model_rate;
    track.file_rate = file_rate(settings_.encoding, found.rate);
    track.length = rescaled(found.frames, found.rate, track.file_rate);
    track.tags = at_rate(reader.tags(), found.rate, track.file_rate);
    track.places = places_;
    if (settings_.stem_file.preserve_mix) track.copied_mix = copied_mix(found, track);
    if (makes_stem_file(settings_) && track.copied_mix == nullptr) {
      track.song = std::make_unique<SongFeed>(job_.input, track.file_rate);
    }
    std::vector<fs::path> files;
    for (std::size_t i = 0; i < finals_.size(); ++i) files.push_back(scratch_->file(i));
    stages_.emplace(settings_, files, finals_, std::move(track));
  }

  void write(std::size_t frames, const float* const* const* stems) { stages_->write(frames, stems); }

  std::vector<fs::path> commit() {
    stages_->finish();
    take_final_names(*scratch_, finals_);
    return finals_;
  }

  std::vector<std::string> warnings() const {
    auto sentences = stages_->warnings();
    sentences.insert(sentences.end(), warnings_.begin(), warnings_.end());
    return sentences;
  }

 private:
  std::unique_ptr<PacketCopy> copied_mix(const AudioReader::Found& found, const TrackFrames& track) {
    std::string why_not;
    auto copy = PacketCopy::open(job_.input, found, settings_.encoding, track.file_rate, track.length, why_not);
    if (copy == nullptr)
      warnings_.push_back("'" + demucs_ort::utf8(job_.input) + "': the mix is encoded again: " + why_not);
    return copy;
  }

  const TrackJob& job_;
  const FileSettings& settings_;
  std::vector<fs::path> finals_;
  std::vector<std::size_t> places_;  // of the stems in a stem file
  std::optional<ScratchFolder> scratch_;
  std::optional<TrackStages> stages_;
  std::vector<std::string> warnings_;
};

}  // namespace

TrackResult separate_track(demucs_ort::Separator& separator, const TrackJob& job, const FileSettings& settings,
                           const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel) {
  const auto begin = std::chrono::steady_clock::now();
  const auto& model = separator.model().info();
  AudioReader reader(job.input, model.sample_rate, model.channels);
  TrackFiles files(separator.stems(), job, settings);
  ReadAhead ahead(reader, model.channels);

  separator.separate([&](std::size_t first, std::size_t frames,
                         float* const* channels) { return ahead.read(first, frames, channels); },
                     [&](std::size_t, std::size_t frames, const float* const* const* stems) {
                       if (!files.is_open()) files.open(reader, model.sample_rate, model.channels);
                       files.write(frames, stems);
                     },
                     [&](const demucs_ort::Progress& news) {
                       if (progress) progress(news.fraction);
                     },
                     cancel);

  TrackResult result;
  result.input = job.input;
  result.files = files.commit();
  result.frames = reader.found().frames;
  result.sample_rate = reader.found().rate;
  result.audio_seconds = static_cast<double>(result.frames) / result.sample_rate;
  result.run_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.model_seconds = separator.model_seconds();
  result.warnings = reader.warnings();
  for (const auto& sentence : files.warnings()) result.warnings.push_back(sentence);
  return result;
}

}  // namespace demucs_ort_files
