#pragma once

/// The whole C++ interface. A program that separates one song, mix[channel][frame], into stems[stem][channel][frame]:
///
///     const auto model = demucs_ort::Model::load("htdemucs.onnx");  // once; threads share it
///     demucs_ort::Separator separator(model);                       // one for each thread
///     separator.separate(mix, frames, stems);
///
/// Which header for what: separator.hpp separates whole tracks, deck.hpp a track while it plays, stream.hpp audio that
/// arrives (a microphone, a plug-in). model.hpp loads what all of them share, cancel.hpp stops them, error.hpp says
/// what went wrong, log.hpp what goes on. c_api.h, c_api_deck.h and c_api_stream.h are the same for C and for every
/// language that can call C.
///
/// Every function states its thread rule:
/// - "Thread: any": may be called from any thread at any time; may block, unless it is marked real-time safe.
/// - "Thread: owner's": one thread at a time for each object, and not while the object is destroyed.
/// - "real-time safe": takes no lock, allocates nothing and makes no system call; its time is bounded by its arguments.
/// Constructors, assignments and destructors follow the owner's rule.

// IWYU pragma: begin_exports
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/deck.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/log.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"
#include "demucs_ort/version.h"
// IWYU pragma: end_exports
