#include "track/track_stages.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "stem_file/copied_mix_stage.hpp"
#include "stem_file/fold_stage.hpp"
#include "stem_file/song_mix_stage.hpp"
#include "stem_file/stem_file.hpp"
#include "stem_file/stem_settings.hpp"
#include "stem_file/sum_mix_stage.hpp"
#include "track/file_settings.hpp"
#include "write/audio_encoder.hpp"
#include "write/clip_stage.hpp"
#include "write/encode_stage.hpp"
#include "write/rate_stage.hpp"
#include "write/separate_files.hpp"
#include "write/write_behind_stage.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

/// What the streams that are encoded are called in warnings.
std::vector<std::string> stream_names(const std::vector<fs::path>& final_names, bool stem_file, bool copied_mix) {
  std::vector<std::string> names;
  for (const auto& file : final_names) names.push_back("'" + demucs_ort::utf8(file) + "'");
  if (!stem_file) return names;
  const std::string file = std::exchange(names, {}).front();
  if (!copied_mix) names.push_back(file + ", mix");
  for (const char* place : stem_places) names.push_back(file + ", " + place);
  return names;
}

}  // namespace

TrackStages::TrackStages(const FileSettings& settings, const std::vector<fs::path>& files,
                         const std::vector<fs::path>& final_names, TrackFrames track) {
  const Encoding& encoding = settings.encoding;
  const bool stem_file = makes_stem_file(settings);
  const std::size_t streams = stem_file ? stem_place_count : files.size();
  const std::size_t copied = track.copied_mix != nullptr ? 1 : 0;
  const int delay = track.copied_mix != nullptr ? track.copied_mix->delay() : 0;
  auto names = stream_names(final_names, stem_file, copied > 0);
  std::vector<AudioEncoder> encoders;
  for (std::size_t i = 0; i < names.size(); ++i) {
    encoders.emplace_back(encoding, track.file_rate, track.channels, demucs_ort::utf8(files[stem_file ? 0 : i]));
  }
  if (stem_file) {
    files_ = std::make_unique<StemFile>(files.front(), settings.stem_file, track.file_rate, track.copied_mix.get(),
                                        encoders, track.tags);
  } else {
    files_ = std::make_unique<SeparateFiles>(files, encoding, track.file_rate, track.length, encoders, track.tags);
  }

  // The way of finished frames: on a thread of their own, they are folded into the places of a stem file, converted to
  // the files' rate, the mix of a stem file is put before them, they are kept from clipping and encoded; the packets go
  // into the files.
  stages_.add<WriteBehindStage>(track.places.empty() ? streams : track.places.size(), track.channels);
  if (!track.places.empty()) stages_.add<FoldStage>(track.places);
  stages_.add<RateStage>(streams, track.channels, track.rate, track.file_rate, track.length);
  if (track.copied_mix != nullptr) {
    stages_.add<CopiedMixStage>(std::move(track.copied_mix), *files_);
  } else if (track.song != nullptr) {
    stages_.add<SongMixStage>(std::move(track.song));
  } else if (stem_file) {
    stages_.add<SumMixStage>();
  }
  clip_ = &stages_.add<ClipStage>(encoding, std::move(names), track.channels, stem_file, files.front().parent_path());
  stages_.add<EncodeStage>(std::move(encoders), track.channels, delay, *files_, copied);
}

void TrackStages::finish() {
  stages_.finish();
  files_->finish();
}

}  // namespace demucs_ort_files
