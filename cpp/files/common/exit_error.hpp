#pragma once

#include <stdexcept>
#include <string>

inline namespace demucs_ort_files {

/// Exit codes of demucs_ort_cli, as documented in docs/cli.md. A run ended by signal N exits with 128 + N.
enum ExitCode {
  exit_ok = 0,
  exit_internal = 1,     // a defect of the program
  exit_usage = 2,        // the command line
  exit_model = 3,        // the model file
  exit_input = 4,        // the input audio
  exit_output = 5,       // the output folder or files
  exit_runtime = 6,      // ONNX Runtime
  exit_some_tracks = 7,  // some of several tracks failed, others did not
};

/// A failure with the exit code it ends the program with; `what()` is one sentence for the user.
class ExitError : public std::runtime_error {
 public:
  ExitError(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace demucs_ort_files
