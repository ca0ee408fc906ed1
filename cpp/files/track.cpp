#include "track.hpp"

extern "C" {
#include <libavutil/log.h>
}

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>

#include "audio_reader.hpp"
#include "demucs_ort/model.hpp"
#include "exit_error.hpp"
#include "file_name.hpp"
#include "packet_copy.hpp"
#include "rate_converter.hpp"
#include "scratch_folder.hpp"
#include "song_feed.hpp"
#include "stem_file.hpp"
#include "stem_output.hpp"

namespace fs = std::filesystem;

namespace {

constexpr std::size_t stereo = 2;

/// Files that must not or cannot take their names are found out before the work, not after it.
void check_places(const std::vector<fs::path>& files, const fs::path& input) {
  std::error_code ignored;
  for (const auto& file : files) {
    if (fs::equivalent(file, input, ignored)) {
      throw ExitError(exit_usage, "the stem '" + file.string() +
                                      "' would overwrite an input of that name; choose another output folder");
    }
    if (fs::is_directory(file, ignored)) {
      throw ExitError(exit_output, "cannot write '" + file.string() + "': there is a folder of that name");
    }
  }
}

/// Adds up the stems that share a place of a stem file.
class Folding {
 public:
  explicit Folding(std::vector<std::size_t> places) : places_(std::move(places)) {}

  void pass(std::size_t frames, const float* const* const* stems, const StreamSink& sink) {
    std::array<std::array<const float*, stereo>, stem_place_count> channels;
    std::array<const float* const*, stem_place_count> streams;
    for (std::size_t place = 0; place < stem_place_count; ++place) {
      for (std::size_t c = 0; c < stereo; ++c) {
        auto& sum = sums_[place][c];
        sum.assign(frames, 0.0F);
        for (std::size_t s = 0; s < places_.size(); ++s) {
          if (places_[s] == place) std::transform(sum.begin(), sum.end(), stems[s][c], sum.begin(), std::plus<>());
        }
        channels[place][c] = sum.data();
      }
      streams[place] = channels[place].data();
    }
    sink(frames, streams.data());
  }

 private:
  std::vector<std::size_t> places_;
  std::array<std::array<std::vector<float>, stereo>, stem_place_count> sums_;
};

/// The files of one track: written aside, then renamed together. Frames go through folding (of a stem file), rate
/// conversion, the mix that is put before them (of a stem file), and into the output.
class TrackFiles {
 public:
  TrackFiles(const std::vector<std::string>& stems, const TrackJob& job, const FileSettings& settings)
      : job_(job), settings_(settings), finals_(output_files(stems, job, settings)) {
    check_places(finals_, job.input);
    if (settings.encoding.format == Format::stem_mp4) folding_.emplace(places_of(stems, settings.stem_file));
    scratch_.emplace(job.folder);
  }

  bool is_open() const noexcept { return output_ != nullptr; }

  /// Called when the input's rate and length are known. The frames that follow are the model's.
  void open(const AudioReader& reader, int model_rate, std::size_t channels) {
    const auto& found = reader.found();
    const int rate = file_rate(settings_.encoding, found.rate);
    const auto frames = rescaled(found.frames, found.rate, rate);
    if (folding_) {
      open_stem_file(reader, rate, frames);
    } else {
      std::vector<fs::path> files;
      for (std::size_t i = 0; i < finals_.size(); ++i) files.push_back(scratch_->file(i));
      output_ = std::make_unique<SeparateFiles>(files, finals_, settings_.encoding, rate, channels, reader.tags());
    }
    const std::size_t streams = folding_ ? stem_place_count : finals_.size();
    converter_ = std::make_unique<RateConverter>(streams, channels, model_rate, rate, frames);
  }

  void write(std::size_t frames, const float* const* const* stems) {
    if (folding_) {
      folding_->pass(frames, stems, [this](std::size_t count, const float* const* const* streams) {
        converter_->write(count, streams, encode_);
      });
    } else {
      converter_->write(frames, stems, encode_);
    }
  }

  std::vector<fs::path> commit() {
    converter_->finish(encode_);
    output_->finish();
    move_into_place(*scratch_, finals_);
    return finals_;
  }

  std::vector<std::string> warnings() const {
    auto sentences = output_->warnings();
    sentences.insert(sentences.end(), warnings_.begin(), warnings_.end());
    return sentences;
  }

 private:
  void open_stem_file(const AudioReader& reader, int rate, std::uint64_t frames) {
    std::unique_ptr<PacketCopy> copy;
    if (settings_.stem_file.preserve_mix) {
      std::string why_not = "the song has damaged packets";
      if (reader.found().damaged == 0) copy = PacketCopy::open(job_.input, settings_.encoding, rate, frames, why_not);
      if (copy == nullptr) warnings_.push_back("'" + job_.input.string() + "': the mix is encoded again: " + why_not);
    }
    if (copy == nullptr) mix_.emplace(job_.input, rate);
    output_ = std::make_unique<StemFile>(scratch_->file(0), finals_[0], settings_.encoding, settings_.stem_file, rate,
                                         reader.tags(), std::move(copy));
  }

  const TrackJob& job_;
  const FileSettings& settings_;
  std::vector<fs::path> finals_;
  std::optional<Folding> folding_;
  std::optional<ScratchFolder> scratch_;
  std::unique_ptr<StemOutput> output_;
  std::optional<SongFeed> mix_;  // of a stem file, unless its packets are copied
  std::unique_ptr<RateConverter> converter_;
  std::vector<std::string> warnings_;
  const StreamSink encode_ = [this](std::size_t frames, const float* const* const* streams) {
    if (!mix_) {
      output_->write(frames, streams);
      return;
    }
    std::vector<const float* const*> all{mix_->read(frames)};
    all.insert(all.end(), streams, streams + stem_place_count);
    output_->write(frames, all.data());
  };
};

}  // namespace

FileSettings make_file_settings(const FileRequest& request, bool several_tracks) {
  FileSettings settings{make_encoding(request.encoding), make_stem_file_settings(request.stem_file), request.file_name};
  const bool stem_file = settings.encoding.format == Format::stem_mp4;
  const auto& wishes = request.stem_file;
  if (!stem_file && (wishes.preserve_mix || !wishes.names.empty() || !wishes.colors.empty() || !wishes.fold.empty())) {
    throw ExitError(exit_usage, "names, colours, folding and a preserved mix are for the format stem.mp4");
  }
  if (wishes.preserve_mix && settings.encoding.clip_mode != ClipMode::none) {
    throw ExitError(exit_usage, "a preserved mix keeps its level; leave out the clip mode");
  }
  auto& pattern = settings.file_name;
  if (pattern.empty()) {
    pattern = stem_file ? "{track}.{ext}" : several_tracks ? "{track}/{stem}.{ext}" : "{stem}.{ext}";
  }
  check_file_name_pattern(pattern, several_tracks, !stem_file);
  return settings;
}

std::vector<fs::path> output_files(const std::vector<std::string>& stems, const TrackJob& job,
                                   const FileSettings& settings) {
  std::vector<fs::path> files;
  const std::string ending = file_ending(settings.encoding.format);
  if (settings.encoding.format == Format::stem_mp4) {
    places_of(stems, settings.stem_file);
    return {job.folder / file_name(settings.file_name, job.name, {}, ending)};
  }
  for (const auto& stem : stems) files.push_back(job.folder / file_name(settings.file_name, job.name, stem, ending));
  return files;
}

TrackResult separate_track(demucs_ort::Separator& separator, const TrackJob& job, const FileSettings& settings,
                           const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel) {
  const auto begin = std::chrono::steady_clock::now();
  const auto& model = separator.model().info();
  AudioReader reader(job.input, model.sample_rate, model.channels);
  TrackFiles files(separator.stems(), job, settings);

  separator.separate([&](std::size_t first, std::size_t frames,
                         float* const* channels) { return reader.read(first, frames, channels); },
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
  result.warnings = reader.warnings();
  for (const auto& sentence : files.warnings()) result.warnings.push_back(sentence);
  return result;
}

void silence_ffmpeg() { av_log_set_level(AV_LOG_QUIET); }
