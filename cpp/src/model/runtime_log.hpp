#pragma once

#include "model/onnxruntime.hpp"

namespace demucs_ort {

/// ONNX Runtime's environment, which reports nothing to its maker. What it says goes to the host's log if there is one
/// now, and nowhere otherwise. A host that uses the same ONNX Runtime may have made the environment before: then the
/// host's own logger stays.
Ort::Env make_environment();

/// Lets what the session says go to the host's log; returns whether there is one.
bool log_session(Ort::SessionOptions& session);

/// The severity from which on a run speaks, of a session that goes to the host's log.
OrtLoggingLevel run_severity() noexcept;

}  // namespace demucs_ort
