#pragma once

#include <string>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// What runs of a model share: threads, and how many run at a time on them.
struct ComputeShares {
  unsigned threads = 1;  ///< of all runs together
  unsigned runs = 1;     ///< at a time

  /// Threads of the pool that all runs use. Who calls for a run computes as well, and the pool counts one of them.
  unsigned pool() const noexcept { return threads > runs ? threads - runs + 1 : 1; }
};

/// What the caller has asked for, and what he leaves open chosen for the provider.
ComputeShares choose_shares(const ModelOptions& options, const std::string& provider);

/// How many of the chosen runs the memory allows, at least one. What the caller has asked for stays.
unsigned affordable_runs(const ModelOptions& options, const ModelInfo& info, unsigned runs);

}  // namespace demucs_ort
