#pragma once

/// How the library reports what went wrong. Example:
///
///     try {
///       const auto model = demucs_ort::Model::load("htdemucs.onnx");
///     } catch (const demucs_ort::Error& error) {
///       // One sentence for a person: what went wrong, where, and what to do.
///       std::fputs(error.what(), stderr);
///       // A stable number for a program.
///       if (error.status() == demucs_ort::Status::runtime_missing) std::exit(6);
///     }

#include <stdexcept>
#include <string>

#include "demucs_ort/export.h"

namespace demucs_ort {

/// What kind of thing went wrong. The numbers are stable.
enum class Status {
  invalid_argument = 1,  ///< a parameter is outside its documented range
  bad_model = 2,         ///< the model file is missing, unreadable, or breaks the model contract
  bad_audio = 3,         ///< the track is empty, cannot be read, holds NaN or infinity, or changed while it was read
  runtime_missing = 4,   ///< no usable ONNX Runtime library was found
  runtime_failed = 5,    ///< ONNX Runtime failed, or computed something that is not finite
  cancelled = 6,         ///< a CancelToken was triggered
  output_failed = 10,    ///< a file cannot be written (7 to 9 are statuses of the C interface only)
};

/// The one exception type that the library throws itself. `what()` is one sentence: what, where, what to do.
/// Apart from it a call can only throw `std::bad_alloc` and what the host's own callbacks throw.
class DEMUCS_ORT_EXPORT Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message);
  /// Thread: any.
  Status status() const noexcept { return status_; }

 private:
  Status status_;
};

}  // namespace demucs_ort
