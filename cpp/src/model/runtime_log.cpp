#include "model/runtime_log.hpp"

#include <algorithm>
#include <string>

#include "base/log.hpp"
#include "base/utf8_text.hpp"
#include "demucs_ort/log.hpp"

namespace demucs_ort {
namespace {

constexpr const char* name = "demucs_ort";

OrtLoggingLevel severity() noexcept {
  switch (log_level()) {
    case LogLevel::off:
      break;
    case LogLevel::error:
      return ORT_LOGGING_LEVEL_ERROR;
    case LogLevel::warning:
    case LogLevel::info:
      return ORT_LOGGING_LEVEL_WARNING;
    case LogLevel::debug:
      return ORT_LOGGING_LEVEL_INFO;
  }
  return ORT_LOGGING_LEVEL_FATAL;
}

LogLevel level_of(OrtLoggingLevel severity) noexcept {
  if (severity >= ORT_LOGGING_LEVEL_ERROR) return LogLevel::error;
  return severity == ORT_LOGGING_LEVEL_WARNING ? LogLevel::warning : LogLevel::debug;
}

void ORT_API_CALL take(void*, OrtLoggingLevel severity, const char*, const char*, const char*, const char* message) {
  log(level_of(severity), [&] {
    std::string text = utf8_text(message);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return "ONNX Runtime: " + text;
  });
}

}  // namespace

Ort::Env make_environment() {
  // ONNX Runtime keeps the function as long as the environment, so nobody who does not log hands one over.
  Ort::Env environment =
      logs(LogLevel::error) ? Ort::Env(severity(), name, take, nullptr) : Ort::Env(ORT_LOGGING_LEVEL_FATAL, name);
  environment.DisableTelemetryEvents();  // a guest does not report on its host
  return environment;
}

bool log_session(Ort::SessionOptions& session) {
  session.SetLogSeverityLevel(severity());
  if (!logs(LogLevel::error)) return false;
  Ort::ThrowOnError(Ort::GetApi().SetUserLoggingFunction(session, take, nullptr));
  return true;
}

OrtLoggingLevel run_severity() noexcept { return std::max(severity(), ORT_LOGGING_LEVEL_WARNING); }

}  // namespace demucs_ort
