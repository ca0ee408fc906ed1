#include "read/downmix.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <string_view>
#include <vector>

extern "C" {
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
}

inline namespace demucs_ort_files {

namespace {

/// What a channel gives to the left and to the right.
struct Sides {
  double left, right;
};
constexpr Sides to_left{1, 0}, to_right{0, 1}, to_both{std::numbers::sqrt2 / 2, std::numbers::sqrt2 / 2}, to_none{0, 0};

bool is_lfe(AVChannel channel) { return channel == AV_CHAN_LOW_FREQUENCY || channel == AV_CHAN_LOW_FREQUENCY_2; }

/// FFmpeg's names of channels tell the side: FL, TBR, WL, but FC and BC. Nothing if it has none for this one.
std::optional<Sides> named(AVChannel channel) {
  std::array<char, 64> text{};
  if (channel < 0 || av_channel_name(text.data(), text.size(), channel) < 0) return std::nullopt;
  const std::string_view name = text.data();
  if (name.substr(0, 3) == "USR" || channel == AV_CHAN_UNKNOWN) return std::nullopt;
  if (is_lfe(channel)) return to_none;
  if (name.find('L') != std::string_view::npos) return to_left;
  if (name.find('R') != std::string_view::npos) return to_right;
  return to_both;
}

/// Of the sphere's channels, in the order ACN, only the first two matter to a pair that looks left and right.
Sides ambisonic(int component) {
  if (component == 0) return {0.5, 0.5};
  if (component == 1) return {0.5, -0.5};
  return to_none;
}

Sides sides_of(const AVChannelLayout& source, int index) {
  const AVChannel channel = av_channel_layout_channel_from_index(&source, static_cast<unsigned>(index));
  if (channel >= AV_CHAN_AMBISONIC_BASE && channel <= AV_CHAN_AMBISONIC_END) {
    return ambisonic(channel - AV_CHAN_AMBISONIC_BASE);
  }
  if (const auto sides = named(channel)) return *sides;
  if (source.nb_channels % 2 == 1 && index == source.nb_channels - 1) return to_both;
  return index % 2 == 0 ? to_left : to_right;
}

/// Whether libswresample has a rule for the layout, by which all but LFE channels are heard.
bool library_hears_all(const AVChannelLayout& source, const AVChannelLayout& target) {
  const auto inputs = static_cast<std::size_t>(source.nb_channels);
  const auto outputs = static_cast<std::size_t>(target.nb_channels);
  constexpr double half = std::numbers::sqrt2 / 2;
  constexpr std::size_t stride = 64;  // the most channels that libswresample takes
  if (inputs > stride || outputs > stride) return false;
  std::array<double, stride * stride> matrix{};
  if (swr_build_matrix2(&source, &target, half, half, 0, 1, 1, matrix.data(), stride, AV_MATRIX_ENCODING_NONE,
                        nullptr) < 0) {
    return false;
  }
  for (std::size_t i = 0; i < inputs; ++i) {
    bool heard = is_lfe(av_channel_layout_channel_from_index(&source, static_cast<unsigned>(i)));
    for (std::size_t o = 0; o < outputs; ++o) heard = heard || matrix[i + stride * o] != 0;
    if (!heard) return false;
  }
  return true;
}

}  // namespace

std::vector<double> own_downmix(const AVChannelLayout& source, int targets) {
  AVChannelLayout target;
  av_channel_layout_default(&target, targets);
  if (library_hears_all(source, target)) return {};
  const auto inputs = static_cast<std::size_t>(source.nb_channels);
  std::vector<double> gains(inputs * static_cast<std::size_t>(targets));
  std::vector<double> sums(static_cast<std::size_t>(targets));
  for (std::size_t i = 0; i < inputs; ++i) {
    const Sides sides = sides_of(source, static_cast<int>(i));
    for (std::size_t o = 0; o < sums.size(); ++o) {
      const double gain = targets == 1 ? sides.left + sides.right : o % 2 == 0 ? sides.left : sides.right;
      gains[o * inputs + i] = gain;
      sums[o] += std::abs(gain);
    }
  }
  const double loudest = std::max(1.0, *std::max_element(sums.begin(), sums.end()));
  for (double& gain : gains) gain /= loudest;
  return gains;
}

}  // namespace demucs_ort_files
