#pragma once

#include <stdexcept>
#include <string>

#include "demucs_ort/export.h"

namespace demucs_ort {

/// What kind of thing went wrong; the numbers are stable.
enum class Status {
  invalid_argument = 1,  ///< a parameter is outside its documented range
  bad_model = 2,         ///< the model file is missing, unreadable, or breaks the model contract
  bad_audio = 3,         ///< the track is empty, holds NaN or infinity, or changed while it was read
  runtime_missing = 4,   ///< no usable ONNX Runtime library was found
  runtime_failed = 5,    ///< ONNX Runtime failed, or computed something that is not finite
  cancelled = 6,         ///< a CancelToken was triggered
};

/// The one exception type the library throws by itself. `what()` is one sentence: what, where, what to do.
/// Besides it only `std::bad_alloc` and whatever the host's own callbacks throw can come out of a call.
class DEMUCS_ORT_EXPORT Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message);
  Status status() const noexcept { return status_; }

 private:
  Status status_;
};

}  // namespace demucs_ort
