#pragma once

/// What the library says of its work, for a host's log file and bug reports. Example:
///
///     demucs_ort::set_log(demucs_ort::LogLevel::info, [](demucs_ort::LogLevel level, const std::string& message) {
///       report(static_cast<int>(level), message);                  // a function of yours
///     });
///     const auto model = demucs_ort::Model::load("htdemucs.onnx");   // loaded 'htdemucs.onnx' (htdemucs, fp32) in ...
///     demucs_ort::set_log(demucs_ort::LogLevel::off);                // the callback is not called any more

#include <functional>
#include <string>

#include "demucs_ort/export.h"

namespace demucs_ort {

/// How much is told: a level, and all above it. The numbers are stable.
enum class LogLevel {
  off = 0,      ///< nothing
  error = 1,    ///< something failed that no exception reports: a deck, a window of a stream
  warning = 2,  ///< something works less well than it was meant to: a rejected provider, a smaller batch, late stems
  info = 3,     ///< what a bug report needs: what was loaded, with which settings, in what time
  debug = 4     ///< also every run that waited for its turn, and what ONNX Runtime tells of loading
};

/// Takes one message: UTF-8, one sentence without a line end. `level` is never `off`.
///
/// It runs on the thread that has something to say, which may be one of the library's own; calls never overlap. That
/// thread waits for it, so it should return quickly. It must not wait for a lock that is held by a thread that calls
/// the library. Of the library it may call `CancelToken::request` and nothing else: messages of calls from inside it
/// are lost, and `set_log` throws there. An exception that leaves it is dropped with the message.
///
/// Functions that are marked real-time safe never log.
using LogCallback = std::function<void(LogLevel level, const std::string& message)>;

/// Tells `callback` what is as important as `level` or more so, from now on and in the whole process; replaces the
/// callback before. `LogLevel::off`, or an empty callback, ends it. Without it the library is silent.
///
/// When it returns, the callback before is not running and will not be called again. Set it before the first model is
/// loaded: what ONNX Runtime says of a model goes to the callback (as `warning` and `error`, with `debug` also more) if
/// one was set when the model was loaded, and nowhere otherwise. ONNX Runtime keeps a function of this library as long
/// as anybody in the process uses it, so a library that a host may unload, such as a plug-in, sets no callback, or
/// stays loaded.
/// Throws `Error` invalid_argument (a level that does not exist, or called from inside a callback).
/// Thread: any.
DEMUCS_ORT_EXPORT void set_log(LogLevel level, LogCallback callback = {});

}  // namespace demucs_ort
