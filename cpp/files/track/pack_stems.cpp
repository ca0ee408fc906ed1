#include "track/pack_stems.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "read/audio_reader.hpp"
#include "read/packet_copy.hpp"
#include "read/song_feed.hpp"
#include "read/song_tags.hpp"
#include "stem_file/stem_names.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"
#include "track/track_stages.hpp"
#include "write/final_names.hpp"
#include "write/scratch_folder.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

namespace {

class Packing {
 public:
  Packing(const PackJob& job, const FileSettings& settings) : job_(job), settings_(settings) {
    std::vector<fs::path> files;
    for (const auto& file : stems_in_places(job.stems)) files.push_back(file);
    result_.packed = files;
    if (has_mix()) files.push_back(job.mix);
    rate_ = file_rate(settings.encoding, AudioReader(files.front(), 44'100, stem_file_channels).declared_rate());
    for (const auto& file : files) feeds_.push_back(std::make_unique<SongFeed>(file, rate_));
    scratch_.emplace(job.file.has_parent_path() ? job.file.parent_path() : fs::path("."));
    check_final_names(*scratch_, {job.file});
    for (std::size_t i = 0; i < files.size(); ++i) {
      feeds_[i]->measure();
      expect_equal(i, files);
    }
    describe();
  }

  TrackResult run(const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel) {
    TrackFrames track = track_frames();
    const std::uint64_t frames = *track.length;
    TrackStages stages(settings_, {scratch_->file(0)}, {job_.file}, std::move(track));
    constexpr std::uint64_t block = 1 << 16;
    for (std::uint64_t at = 0; at < frames; at += block) {
      if (cancel.requested()) throw demucs_ort::Error(demucs_ort::Status::cancelled, "packing was cancelled");
      write(stages, static_cast<std::size_t>(std::min(block, frames - at)));
      if (progress) progress(static_cast<double>(std::min(at + block, frames)) / static_cast<double>(frames));
    }
    stages.finish();
    take_final_names(*scratch_, {job_.file});
    for (const auto& sentence : stages.warnings()) result_.warnings.push_back(sentence);
    if (!not_copied_.empty()) result_.warnings.push_back(not_copied_);
    return result_;
  }

 private:
  bool has_mix() const noexcept { return !job_.mix.empty(); }

  void expect_equal(std::size_t index, const std::vector<fs::path>& files) const {
    const auto& wanted = feeds_.front()->reader().found();
    const auto& found = feeds_[index]->reader().found();
    const fs::path& file = files[index];
    if (found.frames == 0)
      throw ExitError(exit_input, "cannot pack '" + demucs_ort::utf8(file) + "': it holds no audio");
    if (found.frames == wanted.frames && found.rate == wanted.rate) return;
    const auto size = [](const AudioReader::Found& what) {
      return std::to_string(what.frames) + " frames at " + std::to_string(what.rate) + " Hz";
    };
    throw ExitError(exit_input, "'" + demucs_ort::utf8(file) + "' has " + size(found) + ", '" +
                                    demucs_ort::utf8(files.front()) + "' " + size(wanted) +
                                    "; what is packed must be equally long");
  }

  /// What the first pass over all files has found.
  void describe() {
    const auto& found = feeds_.front()->reader().found();
    result_.input = has_mix() ? job_.mix : job_.stems.front();
    result_.files = {job_.file};
    result_.frames = found.frames;
    result_.sample_rate = found.rate;
    result_.audio_seconds = static_cast<double>(found.frames) / found.rate;
    for (const auto& feed : feeds_) {
      for (const auto& sentence : feed->reader().warnings()) result_.warnings.push_back(sentence);
    }
  }

  /// The stems, which are read at the file's rate, and the mix to put before them.
  TrackFrames track_frames() {
    TrackFrames track;
    track.channels = stem_file_channels;
    track.rate = track.file_rate = rate_;
    track.length = rescaled(result_.frames, result_.sample_rate, rate_);
    track.tags = at_rate(feeds_[has_mix() ? stem_place_count : 0]->reader().tags(), result_.sample_rate, rate_);
    if (settings_.stem_file.preserve_mix) track.copied_mix = copied_mix(*track.length);
    if (has_mix() && track.copied_mix == nullptr) track.song = std::move(feeds_[stem_place_count]);
    return track;
  }

  std::unique_ptr<PacketCopy> copied_mix(std::uint64_t frames) {
    if (!has_mix()) throw ExitError(exit_usage, "there is no mix to preserve; name one");
    std::string why_not;
    const auto& found = feeds_[stem_place_count]->reader().found();
    auto copy = PacketCopy::open(job_.mix, found, settings_.encoding, rate_, frames, why_not);
    if (copy == nullptr) not_copied_ = "'" + demucs_ort::utf8(job_.mix) + "': the mix is encoded again: " + why_not;
    return copy;
  }

  void write(TrackStages& stages, std::size_t frames) {
    std::array<const float* const*, stem_place_count> streams{};
    for (std::size_t place = 0; place < stem_place_count; ++place) streams[place] = feeds_[place]->read(frames);
    stages.write(frames, streams.data());
  }

  const PackJob& job_;
  const FileSettings& settings_;
  std::optional<ScratchFolder> scratch_;
  int rate_ = 0;                                  // of all files
  std::vector<std::unique_ptr<SongFeed>> feeds_;  // the stems, then the mix if there is one
  TrackResult result_;
  std::string not_copied_;  // why the mix is encoded again
};

}  // namespace

TrackResult pack_stems(const PackJob& job, const FileSettings& settings, const std::function<void(double)>& progress,
                       const demucs_ort::CancelToken& cancel) {
  const auto begin = std::chrono::steady_clock::now();
  TrackResult result = Packing(job, settings).run(progress, cancel);
  result.run_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace demucs_ort_files
