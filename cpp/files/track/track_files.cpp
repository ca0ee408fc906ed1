#include "track/track_files.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "read/audio_reader.hpp"
#include "read/packet_copy.hpp"
#include "read/song_feed.hpp"
#include "read/song_tags.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"
#include "track/track_stages.hpp"
#include "write/final_names.hpp"

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

}  // namespace

TrackFiles::TrackFiles(const std::vector<std::string>& stems, const TrackJob& job, const FileSettings& settings)
    : job_(job), settings_(settings), finals_(output_files(stems, job, settings)) {
  protect(job.input, finals_);
  if (makes_stem_file(settings)) places_ = places_of(stems, settings.stem_file);
  scratch_.emplace(job.folder);
  check_final_names(*scratch_, finals_);
}

void TrackFiles::open(const AudioReader* song, int rate, std::size_t channels, std::optional<std::uint64_t> frames) {
  TrackFrames track;
  track.channels = channels;
  track.rate = rate;
  track.file_rate = file_rate(settings_.encoding, song != nullptr ? song->found().rate : rate);
  track.places = places_;
  if (song != nullptr) {
    track.length = rescaled(song->found().frames, song->found().rate, track.file_rate);
    track.tags = at_rate(song->tags(), song->found().rate, track.file_rate);
    if (makes_stem_file(settings_) && !settings_.stem_file.sum_mix) take_mix(*song, track);
  }
  if (frames) track.length = rescaled(*frames, rate, track.file_rate);
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < finals_.size(); ++i) files.push_back(scratch_->file(i));
  stages_.emplace(settings_, files, finals_, std::move(track));
}

void TrackFiles::take_mix(const AudioReader& song, TrackFrames& track) {
  if (settings_.stem_file.preserve_mix) {
    std::string why_not;
    track.copied_mix =
        PacketCopy::open(job_.input, song.found(), settings_.encoding, track.file_rate, *track.length, why_not);
    if (track.copied_mix != nullptr) return;
    warnings_.push_back("'" + demucs_ort::utf8(job_.input) + "': the mix is encoded again: " + why_not);
  }
  track.song = std::make_unique<SongFeed>(job_.input, track.file_rate);
}

std::vector<fs::path> TrackFiles::commit() {
  stages_->finish();
  take_final_names(*scratch_, finals_);
  return finals_;
}

std::vector<std::string> TrackFiles::warnings() const {
  auto sentences = stages_->warnings();
  sentences.insert(sentences.end(), warnings_.begin(), warnings_.end());
  return sentences;
}

}  // namespace demucs_ort_files
