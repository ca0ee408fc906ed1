#include "stem_pack.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "demucs_ort/error.hpp"
#include "exit_error.hpp"
#include "packet_copy.hpp"
#include "scratch_folder.hpp"
#include "song_feed.hpp"
#include "stem_file.hpp"

namespace fs = std::filesystem;

namespace {

constexpr std::size_t stereo = 2;

/// The place that a file's name names, or stem_place_count.
std::size_t place_named(const fs::path& file) {
  std::string name = file.stem().string();
  for (char& letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return static_cast<std::size_t>(std::find(stem_places.begin(), stem_places.end(), name) - stem_places.begin());
}

/// The files by place: where their names say, or, if none is named after a stem, in the order given.
std::array<fs::path, stem_place_count> in_places(const std::vector<fs::path>& files) {
  std::array<fs::path, stem_place_count> placed;
  const auto named = static_cast<std::size_t>(std::count_if(
      files.begin(), files.end(), [](const fs::path& file) { return place_named(file) < stem_place_count; }));
  if (files.size() == stem_place_count && named == 0) {
    std::copy(files.begin(), files.end(), placed.begin());
    return placed;
  }
  for (const auto& file : files) {
    if (const std::size_t place = place_named(file); place < stem_place_count) placed[place] = file;
  }
  if (files.size() != stem_place_count ||
      std::any_of(placed.begin(), placed.end(), [](const fs::path& file) { return file.empty(); })) {
    throw ExitError(exit_usage,
                    "a stem file is packed of four files: drums, bass, other, vocals, by their names or in this order");
  }
  return placed;
}

class Packing {
 public:
  Packing(const PackJob& job, const FileSettings& settings) : job_(job), settings_(settings) {
    std::vector<fs::path> files;
    for (const auto& file : in_places(job.stems)) files.push_back(file);
    if (!job.mix.empty()) files.push_back(job.mix);
    const int declared = AudioReader(files.front(), 44'100, stereo).declared_rate();
    rate_ = file_rate(settings.encoding, declared);
    for (const auto& file : files) {
      feeds_.push_back(std::make_unique<SongFeed>(file, rate_));
      feeds_.back()->measure();
      expect_equal(file, files.front());
    }
  }

  TrackResult run(const std::function<void(double)>& progress, const demucs_ort::CancelToken& cancel) {
    const auto& found = feeds_.front()->reader().found();
    const auto frames = rescaled(found.frames, found.rate, rate_);
    const fs::path folder = job_.file.has_parent_path() ? job_.file.parent_path() : fs::path(".");
    const ScratchFolder scratch(folder);
    StemFile output(scratch.file(0), job_.file, settings_.encoding, settings_.stem_file, rate_,
                    feeds_[has_mix() ? stem_place_count : 0]->reader().tags(), copied_mix(frames));
    constexpr std::uint64_t block = 1 << 16;
    for (std::uint64_t at = 0; at < frames; at += block) {
      if (cancel.requested()) throw demucs_ort::Error(demucs_ort::Status::cancelled, "packing was cancelled");
      write(output, static_cast<std::size_t>(std::min(block, frames - at)));
      if (progress) progress(static_cast<double>(std::min(at + block, frames)) / static_cast<double>(frames));
    }
    output.finish();
    move_into_place(scratch, {job_.file});
    return describe(output);
  }

 private:
  bool has_mix() const noexcept { return !job_.mix.empty(); }

  void expect_equal(const fs::path& file, const fs::path& first) const {
    const auto& wanted = feeds_.front()->reader().found();
    const auto& found = feeds_.back()->reader().found();
    if (found.frames == 0) throw ExitError(exit_input, "cannot pack '" + file.string() + "': it holds no audio");
    if (found.frames == wanted.frames && found.rate == wanted.rate) return;
    const auto size = [](const AudioReader::Found& what) {
      return std::to_string(what.frames) + " frames at " + std::to_string(what.rate) + " Hz";
    };
    throw ExitError(exit_input, "'" + file.string() + "' has " + size(found) + ", '" + first.string() + "' " +
                                    size(wanted) + "; what is packed must be equally long");
  }

  std::unique_ptr<PacketCopy> copied_mix(std::uint64_t frames) {
    if (!settings_.stem_file.preserve_mix) return nullptr;
    if (!has_mix()) throw ExitError(exit_usage, "there is no mix to preserve; name one");
    std::string why_not;
    auto copy = PacketCopy::open(job_.mix, settings_.encoding, rate_, frames, why_not);
    copied_ = copy != nullptr;
    if (!copied_) warnings_.push_back("'" + job_.mix.string() + "': the mix is encoded again: " + why_not);
    return copy;
  }

  void write(StemFile& output, std::size_t frames) {
    std::vector<const float* const*> streams;
    for (std::size_t place = 0; place < stem_place_count; ++place) streams.push_back(feeds_[place]->read(frames));
    if (has_mix() && !copied_) streams.insert(streams.begin(), feeds_.back()->read(frames));
    if (!has_mix()) streams.insert(streams.begin(), sum(frames, streams));
    output.write(frames, streams.data());
  }

  const float* const* sum(std::size_t frames, const std::vector<const float* const*>& stems) {
    for (std::size_t c = 0; c < stereo; ++c) {
      sum_[c].assign(frames, 0.0F);
      for (const auto* stem : stems)
        std::transform(sum_[c].begin(), sum_[c].end(), stem[c], sum_[c].begin(), std::plus<>());
      sum_channels_[c] = sum_[c].data();
    }
    return sum_channels_.data();
  }

  TrackResult describe(const StemFile& output) const {
    TrackResult result;
    result.input = has_mix() ? job_.mix : job_.stems.front();
    result.files = {job_.file};
    result.frames = feeds_.front()->reader().found().frames;
    result.sample_rate = feeds_.front()->reader().found().rate;
    result.audio_seconds = static_cast<double>(result.frames) / result.sample_rate;
    for (const auto& feed : feeds_) {
      for (const auto& sentence : feed->reader().warnings()) result.warnings.push_back(sentence);
    }
    for (const auto& sentence : output.warnings()) result.warnings.push_back(sentence);
    result.warnings.insert(result.warnings.end(), warnings_.begin(), warnings_.end());
    return result;
  }

  const PackJob& job_;
  const FileSettings& settings_;
  int rate_ = 0;
  bool copied_ = false;
  std::vector<std::unique_ptr<SongFeed>> feeds_;  // the stems, then the mix if there is one
  std::array<std::vector<float>, stereo> sum_;
  std::array<const float*, stereo> sum_channels_{};
  std::vector<std::string> warnings_;
};

}  // namespace

TrackResult pack_stems(const PackJob& job, const FileSettings& settings, const std::function<void(double)>& progress,
                       const demucs_ort::CancelToken& cancel) {
  const auto begin = std::chrono::steady_clock::now();
  TrackResult result = Packing(job, settings).run(progress, cancel);
  result.run_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}
