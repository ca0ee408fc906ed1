#pragma once

#include <memory>
#include <vector>

#include "console.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "interrupt.hpp"
#include "library.hpp"
#include "options.hpp"
#include "report.hpp"

/// Separates all tracks, `Options::jobs` at a time, and goes on after a bad one. Of a library it skips what is done,
/// and ends with a table of what failed. Fills in report.tracks and returns the exit code.
int separate_all(const Options& options, const std::vector<Track>& tracks,
                 const std::shared_ptr<const demucs_ort::Model>& model, demucs_ort::Separator& separator,
                 const Interrupt& interrupt, Console& console, RunReport& report);
