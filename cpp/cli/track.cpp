#include "track.hpp"

#include <chrono>
#include <memory>
#include <random>
#include <system_error>

#include "demucs_ort/model.hpp"
#include "failure.hpp"

namespace fs = std::filesystem;

namespace {

/// A hidden folder beside the final files, on the same disk so that files can be renamed out of it.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& parent) {
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) fail(parent, error);
    std::random_device random;
    do {
      path_ = parent / (".demucs_ort-" + std::to_string(random()));
    } while (!fs::create_directory(path_, error) && !error);
    if (error) fail(parent, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const noexcept { return path_; }

 private:
  [[noreturn]] static void fail(const fs::path& parent, const std::error_code& error) {
    throw Failure(exit_output, "cannot write to the output folder '" + parent.string() + "': " + error.message());
  }
  fs::path path_;
};

/// The files of one track: written aside, then renamed together.
class StemFiles {
 public:
  StemFiles(const fs::path& folder, const std::vector<std::string>& names) : folder_(folder), scratch_(folder) {
    for (const auto& name : names) names_.push_back(name + ".wav");
  }

  void open(const AudioFormat& format, int sample_rate, std::size_t channels) {
    for (const auto& name : names_) {
      writers_.push_back(std::make_unique<AudioWriter>(scratch_.path() / name, format, sample_rate, channels));
    }
  }
  bool is_open() const noexcept { return !writers_.empty(); }

  void write(std::size_t frames, const float* const* const* stems) {
    for (std::size_t i = 0; i < writers_.size(); ++i) writers_[i]->write(frames, stems[i]);
  }

  std::vector<fs::path> commit(Console& console) {
    for (const auto& writer : writers_) writer->finish();
    std::vector<fs::path> finals;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      finals.push_back(folder_ / names_[i]);
      std::error_code error;
      fs::rename(scratch_.path() / names_[i], finals.back(), error);
      if (error) throw Failure(exit_output, "cannot write '" + finals.back().string() + "': " + error.message());
      if (const auto clipped = writers_[i]->clipped_samples(); clipped > 0) {
        console.warn("'" + finals.back().string() + "': " + std::to_string(clipped) +
                     " samples beyond full scale were clipped; --bit-depth 32f keeps them");
      }
    }
    return finals;
  }

 private:
  fs::path folder_;
  ScratchFolder scratch_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<AudioWriter>> writers_;
};

}  // namespace

TrackResult separate_track(demucs_ort::Separator& separator, const fs::path& input, const fs::path& folder,
                           SampleFormat format, Console& console, const demucs_ort::CancelToken& cancel) {
  const auto begin = std::chrono::steady_clock::now();
  const auto& model = separator.model().info();
  AudioReader reader(input, model.sample_rate, model.channels);
  StemFiles files(folder, separator.stems());
  console.begin(input.filename().string());

  separator.separate([&](std::size_t first, std::size_t frames,
                         float* const* channels) { return reader.read(first, frames, channels); },
                     [&](std::size_t, std::size_t frames, const float* const* const* stems) {
                       if (!files.is_open()) {
                         files.open({format, reader.found().rate, reader.found().frames}, model.sample_rate,
                                    model.channels);
                       }
                       files.write(frames, stems);
                     },
                     [&](const demucs_ort::Progress& progress) { console.progress(progress.fraction); }, cancel);

  TrackResult result;
  result.input = input;
  result.stems = files.commit(console);
  result.frames = reader.found().frames;
  result.sample_rate = reader.found().rate;
  result.audio_seconds = static_cast<double>(result.frames) / result.sample_rate;
  result.run_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (reader.found().damaged > 0) {
    console.warn("'" + input.string() + "': " + std::to_string(reader.found().damaged) +
                 " damaged packets were left out");
  }
  return result;
}
