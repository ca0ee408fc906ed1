#include "model/compute_shares.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/usable_cores.hpp"
#include "base/usable_memory.hpp"
#include "demucs_ort/model.hpp"

namespace demucs_ort {
namespace {

/// Of sixteen threads four runs make the most; more gain nothing and take memory (docs/performance.md#sixteen-cores).
constexpr unsigned threads_of_a_run = 4;
constexpr unsigned most_chosen_runs = 16;
/// While a GPU computes one run, the other one's stems come from it and its launches wait in line.
constexpr unsigned runs_on_cuda = 2;

/// Tensors that are alive at a time during a run, as a multiple of the stems that it computes (docs/performance.md).
constexpr std::uint64_t stems_in_flight = 20;

}  // namespace

ComputeShares choose_shares(const ModelOptions& options, const std::string& provider) {
  ComputeShares shares;
  shares.threads = options.threads > 0 ? options.threads : usable_cores();
  if (options.max_concurrent_runs > 0) {
    shares.runs = options.max_concurrent_runs;
  } else if (provider == "cpu") {
    shares.runs = std::clamp(shares.threads / threads_of_a_run, 1U, most_chosen_runs);
  } else if (provider == "cuda") {
    shares.runs = runs_on_cuda;
  }  // others use all they have for each run
  return shares;
}

std::uint64_t run_bytes(const ModelInfo& info, unsigned batch) {
  return stems_in_flight * batch * info.sources.size() * info.channels * info.segment_frames * sizeof(float);
}

unsigned affordable_runs(const ModelOptions& options, const ModelInfo& info, unsigned runs) {
  if (options.max_concurrent_runs > 0 || runs == 1) return runs;
  const std::uint64_t budget = options.memory_mb > 0 ? std::uint64_t{options.memory_mb} << 20U : usable_memory() / 4;
  if (budget == 0) return runs;
  const std::uint64_t one = run_bytes(info, std::max(options.max_batch, 1U));
  return static_cast<unsigned>(std::clamp<std::uint64_t>(budget / one, 1, runs));
}

}  // namespace demucs_ort
