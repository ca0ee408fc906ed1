#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "demucs_ort/error.hpp"

/// The status of the Error that `work` throws; a failure of the test if it throws none.
inline demucs_ort::Status status_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const demucs_ort::Error& error) {
    return error.status();
  }
  ADD_FAILURE() << "nothing was thrown";
  return demucs_ort::Status::invalid_argument;
}
