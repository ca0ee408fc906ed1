#include "track.hpp"

extern "C" {
#include <libavutil/log.h>
}

#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <system_error>

#include "audio_reader.hpp"
#include "audio_writer.hpp"
#include "clip_stage.hpp"
#include "demucs_ort/model.hpp"
#include "failure.hpp"
#include "file_name.hpp"
#include "rate_converter.hpp"
#include "scratch_folder.hpp"

namespace fs = std::filesystem;

namespace {

/// The files of one track: written aside, then renamed together.
class TrackFiles {
 public:
  TrackFiles(std::vector<fs::path> finals, const TrackJob& job, const FileSettings& settings)
      : finals_(std::move(finals)), settings_(settings), scratch_(job.folder) {}

  bool is_open() const noexcept { return converter_ != nullptr; }

  /// Called when the input's rate and length are known. The frames that follow are the model's.
  void open(const AudioReader& reader, int model_rate, std::size_t channels) {
    const auto& found = reader.found();
    const Encoding& encoding = settings_.encoding;
    const int rate = file_rate(encoding, found.rate);
    const auto frames = rescaled(found.frames, found.rate, rate);
    for (std::size_t i = 0; i < finals_.size(); ++i) {
      writers_.push_back(std::make_unique<AudioWriter>(scratch_.file(i), encoding, rate, channels, reader.tags()));
    }
    clip_ = std::make_unique<ClipStage>(encoding.clip_mode, finals_.size(), channels, false, scratch_.path());
    converter_ = std::make_unique<RateConverter>(finals_.size(), channels, model_rate, rate, frames);
  }

  void write(std::size_t frames, const float* const* const* stems) {
    converter_->write(frames, stems, [&](std::size_t count, const float* const* const* streams) {
      clip_->write(count, streams, encode_);
    });
  }

  std::vector<fs::path> commit() {
    converter_->finish(
        [&](std::size_t count, const float* const* const* streams) { clip_->write(count, streams, encode_); });
    clip_->finish(encode_);
    for (const auto& writer : writers_) writer->finish();
    move_into_place(scratch_, finals_);
    return finals_;
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string> sentences;
    for (std::size_t i = 0; i < finals_.size(); ++i) {
      const std::string what = describe_clipping(clip_->effects()[i], settings_.encoding);
      if (!what.empty()) sentences.push_back("'" + finals_[i].string() + "': " + what);
    }
    return sentences;
  }

 private:
  std::vector<fs::path> finals_;
  const FileSettings& settings_;
  ScratchFolder scratch_;
  std::vector<std::unique_ptr<AudioWriter>> writers_;
  std::unique_ptr<ClipStage> clip_;
  std::unique_ptr<RateConverter> converter_;
  const StreamSink encode_ = [this](std::size_t frames, const float* const* const* streams) {
    for (std::size_t i = 0; i < writers_.size(); ++i) writers_[i]->write(frames, streams[i]);
  };
};

/// Files that cannot take their names are found out before the work, not after it.
void refuse_folders(const std::vector<fs::path>& files) {
  std::error_code ignored;
  for (const auto& file : files) {
    if (fs::is_directory(file, ignored)) {
      throw Failure(exit_output, "cannot write '" + file.string() + "': there is a folder of that name");
    }
  }
}

}  // namespace

std::vector<fs::path> output_files(const std::vector<std::string>& stems, const TrackJob& job,
                                   const FileSettings& settings) {
  std::vector<fs::path> files;
  const std::string ending = file_ending(settings.encoding.format);
  for (const auto& stem : stems) files.push_back(job.folder / file_name(settings.file_name, job.name, stem, ending));
  return files;
}

TrackResult separate_track(demucs_ort::Separator& separator, const TrackJob& job, const FileSettings& settings,
                           const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel) {
  const auto begin = std::chrono::steady_clock::now();
  const auto& model = separator.model().info();
  AudioReader reader(job.input, model.sample_rate, model.channels);
  auto finals = output_files(separator.stems(), job, settings);
  refuse_folders(finals);
  TrackFiles files(std::move(finals), job, settings);

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
