#pragma once

#include <cstdint>
#include <string>

#include "demucs_ort/model.hpp"

namespace demucs_ort {

/// What runs of a model share. The last bits of a stem depend on the number of threads, so it is the same however many
/// runs there are.
struct ComputeShares {
  unsigned threads = 1;  ///< of all runs; a single run's caller is one of them
  unsigned runs = 1;     ///< at a time
};

/// What the caller has asked for, and what he leaves open chosen for the provider.
ComputeShares choose_shares(const ModelOptions& options, const std::string& provider);

/// The bytes that one run of so many segments takes, besides the loaded model.
std::uint64_t run_bytes(const ModelInfo& info, unsigned batch);

/// How many of the chosen runs the memory allows, at least one. What the caller has asked for stays.
unsigned affordable_runs(const ModelOptions& options, const ModelInfo& info, unsigned runs);

}  // namespace demucs_ort
