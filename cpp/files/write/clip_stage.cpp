#include "write/clip_stage.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <ios>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "common/encoding.hpp"
#include "common/exit_error.hpp"

inline namespace demucs_ort_files {

namespace {

// demucs.audio.prevent_clip of demucs 4.1.0.
constexpr float headroom = 1.01F;
constexpr float clamp_limit = 0.99F;

}  // namespace

ClipStage::ClipStage(const Encoding& encoding, std::vector<std::string> names, std::size_t channels, bool common_gain,
                     const std::filesystem::path& scratch)
    : encoding_(encoding),
      names_(std::move(names)),
      channels_(channels),
      common_gain_(common_gain),
      file_(scratch / "samples"),
      buffers_(names_.size() * channels),
      effects_(names_.size()) {
  if (encoding_.clip_mode != ClipMode::rescale) return;
  kept_.open(file_, std::ios::in | std::ios::out | std::ios::binary | std::ios::trunc);
  check();
}

void ClipStage::check() const {
  if (!kept_)
    throw ExitError(exit_output, "cannot keep samples in '" + demucs_ort::utf8(file_) + "' until their peak is known");
}

void ClipStage::write(std::size_t frames, const float* const* const* streams) {
  measure(frames, streams);
  switch (encoding_.clip_mode) {
    case ClipMode::none:
      pass_on(frames, streams);
      break;
    case ClipMode::clamp:
      clamp(frames, streams);
      break;
    case ClipMode::rescale:
      keep(frames, streams);
      break;
  }
}

void ClipStage::measure(std::size_t frames, const float* const* const* streams) {
  const float limit = encoding_.clip_mode == ClipMode::clamp ? clamp_limit : 1.0F;
  for (std::size_t s = 0; s < effects_.size(); ++s) {
    for (std::size_t c = 0; c < channels_; ++c) {
      for (std::size_t i = 0; i < frames; ++i) {
        const float level = std::fabs(streams[s][c][i]);
        effects_[s].peak = std::max(effects_[s].peak, level);
        if (level > limit) ++effects_[s].beyond;
      }
    }
  }
}

void ClipStage::clamp(std::size_t frames, const float* const* const* streams) {
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const float* samples = streams[i / channels_][i % channels_];
    buffers_[i].resize(frames);
    std::transform(samples, samples + frames, buffers_[i].begin(),
                   [](float sample) { return std::clamp(sample, -clamp_limit, clamp_limit); });
  }
  pass_on_buffers(frames);
}

void ClipStage::keep(std::size_t frames, const float* const* const* streams) {
  kept_.write(reinterpret_cast<const char*>(&frames), sizeof frames);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    kept_.write(reinterpret_cast<const char*>(streams[i / channels_][i % channels_]),
                static_cast<std::streamsize>(frames * sizeof(float)));
  }
  check();
  ++kept_blocks_;
}

void ClipStage::finish() {
  if (encoding_.clip_mode != ClipMode::rescale) return;
  float loudest = 0;
  for (const auto& effect : effects_) loudest = std::max(loudest, effect.peak);
  for (auto& effect : effects_) effect.divisor = std::max(headroom * (common_gain_ ? loudest : effect.peak), 1.0F);
  kept_.seekg(0);  // writes what is still buffered
  check();
  for (; kept_blocks_ > 0; --kept_blocks_) {
    std::size_t frames = 0;
    kept_.read(reinterpret_cast<char*>(&frames), sizeof frames);
    check();
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      buffers_[i].resize(frames);
      kept_.read(reinterpret_cast<char*>(buffers_[i].data()), static_cast<std::streamsize>(frames * sizeof(float)));
      for (float& sample : buffers_[i]) sample /= effects_[i / channels_].divisor;
    }
    check();
    pass_on_buffers(frames);
  }
  kept_.close();
  std::error_code ignored;  // the folder goes away with it
  std::filesystem::remove(file_, ignored);
}

void ClipStage::pass_on_buffers(std::size_t frames) {
  std::vector<const float*> channels;
  for (const auto& buffer : buffers_) channels.push_back(buffer.data());
  std::vector<const float* const*> streams;
  for (std::size_t s = 0; s < effects_.size(); ++s) streams.push_back(channels.data() + s * channels_);
  pass_on(frames, streams.data());
}

std::vector<std::string> ClipStage::warnings() const {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string what = describe(effects_[i]);
    if (!what.empty()) sentences.push_back(names_[i] + ": " + what);
  }
  return sentences;
}

/// Says what was done to a stream, or is still to be known of it; empty if it needs no word.
std::string ClipStage::describe(const Effect& effect) const {
  const std::string samples = std::to_string(effect.beyond) + " samples beyond ";
  if (encoding_.clip_mode == ClipMode::rescale) {
    if (effect.divisor <= 1) return {};
    const long tenths = std::lround(200 * std::log10(effect.divisor));  // no printf: its point is the host's locale's
    return "turned down by " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) +
           " dB so that nothing clips (rescale)";
  }
  if (effect.beyond == 0) return {};
  if (encoding_.clip_mode == ClipMode::clamp) return samples + "0.99 of full scale were limited to it (clamp)";
  if (is_lossy(encoding_.codec)) {
    return samples + "full scale, which players may clip; clip mode rescale or clamp prevents that";
  }
  if (encoding_.samples == SampleFormat::float32) return {};
  return samples + "full scale were clipped; clip mode rescale or bit depth 32f (wav) prevents that";
}

}  // namespace demucs_ort_files
