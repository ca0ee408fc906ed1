#include "track/separate_track.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "read/audio_reader.hpp"
#include "read/read_ahead.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"
#include "track/track_files.hpp"

inline namespace demucs_ort_files {

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
                       if (!files.is_open()) files.open(&reader, model.sample_rate, model.channels, std::nullopt);
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
