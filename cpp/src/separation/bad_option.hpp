#pragma once

#include <string>

#include "demucs_ort/error.hpp"

namespace demucs_ort {

[[noreturn]] inline void bad_option(const std::string& message) { throw Error(Status::invalid_argument, message); }

}  // namespace demucs_ort
