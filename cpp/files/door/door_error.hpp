#pragma once

#include <string>

#include "common/exit_error.hpp"
#include "demucs_ort/error.hpp"

inline namespace demucs_ort_files {

/// What the public classes throw for a failure in here.
inline demucs_ort::Error door_error(const ExitError& failure) {
  switch (failure.code()) {
    case exit_usage:
      return {demucs_ort::Status::invalid_argument, failure.what()};
    case exit_input:
      return {demucs_ort::Status::bad_audio, failure.what()};
    default:
      return {demucs_ort::Status::output_failed, failure.what()};
  }
}

/// Does `work` and turns its ExitError into the public one.
template <typename Work>
auto through_the_door(const Work& work) {
  try {
    return work();
  } catch (const ExitError& failure) {
    throw door_error(failure);
  }
}

constexpr int min_door_rate = 8'000;
constexpr int max_door_rate = 192'000;

/// Refuses rates that songs are not read at and stems do not have.
inline void check_door_rate(int rate) {
  if (rate >= min_door_rate && rate <= max_door_rate) return;
  throw demucs_ort::Error(demucs_ort::Status::invalid_argument,
                          "sample_rate is " + std::to_string(rate) + "; it is 8000 to 192000 Hz");
}

}  // namespace demucs_ort_files
