#pragma once

#include <string>

#include "demucs_ort/error.hpp"

namespace demucs_ort {

/// Why a deck has failed. A message that found no memory is empty.
struct DeckFailure {
  Status status;
  std::string message;

  /// Of the exception that is being handled.
  static DeckFailure current() noexcept;
};

}  // namespace demucs_ort
