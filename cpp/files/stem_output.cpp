#include "stem_output.hpp"

#include <utility>

namespace {

std::vector<std::string> quoted(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back("'" + file.string() + "'");
  return names;
}

}  // namespace

StemOutput::StemOutput(const Encoding& encoding, std::vector<std::string> names, std::size_t channels, bool common_gain,
                       const std::filesystem::path& scratch)
    : encoding_(encoding),
      names_(std::move(names)),
      clip_(encoding.clip_mode, names_.size(), channels, common_gain, scratch) {}

void StemOutput::write(std::size_t frames, const float* const* const* streams) {
  clip_.write(frames, streams, [this](std::size_t count, const float* const* const* kept) { encode(count, kept); });
}

void StemOutput::finish() {
  clip_.finish([this](std::size_t count, const float* const* const* kept) { encode(count, kept); });
  complete();
}

std::vector<std::string> StemOutput::warnings() const {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string what = describe_clipping(clip_.effects()[i], encoding_);
    if (!what.empty()) sentences.push_back(names_[i] + ": " + what);
  }
  return sentences;
}

SeparateFiles::SeparateFiles(const std::vector<std::filesystem::path>& files,
                             const std::vector<std::filesystem::path>& finals, const Encoding& encoding, int rate,
                             std::size_t channels, const Tags& tags)
    : StemOutput(encoding, quoted(finals), channels, false, files.front().parent_path()) {
  for (const auto& file : files) {
    writers_.push_back(std::make_unique<AudioWriter>(file, encoding, rate, channels, tags));
  }
}

void SeparateFiles::encode(std::size_t frames, const float* const* const* streams) {
  for (std::size_t i = 0; i < writers_.size(); ++i) writers_[i]->write(frames, streams[i]);
}

void SeparateFiles::complete() {
  for (const auto& writer : writers_) writer->finish();
}
