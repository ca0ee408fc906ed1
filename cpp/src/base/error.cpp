#include "demucs_ort/error.hpp"

#include <stdexcept>
#include <string>

namespace demucs_ort {

Error::Error(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}

}  // namespace demucs_ort
