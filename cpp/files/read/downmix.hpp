#pragma once

#include <vector>

struct AVChannelLayout;

inline namespace demucs_ort_files {

/// How channels that libswresample cannot mix down, or would lose, are mixed into `targets` channels: gains
/// [target][channel], scaled so that full scale stays full scale. Empty where libswresample's own rule serves.
///
/// A named channel goes to its side, one without a side to both at 0.71, an LFE channel to none; unnamed channels go to
/// the left and the right in turn, the last of an odd number to both. Ambisonic sound is heard by two cardioids that
/// look to the left and to the right.
std::vector<double> own_downmix(const AVChannelLayout& source, int targets);

}  // namespace demucs_ort_files
