#include "exit_code.hpp"

#include <exception>
#include <functional>
#include <new>
#include <string>

#include "common/exit_error.hpp"
#include "demucs_ort/error.hpp"
#include "interrupt.hpp"

namespace {

ExitCode exit_code_for(demucs_ort::Status status) {
  switch (status) {
    case demucs_ort::Status::invalid_argument:
      return exit_usage;
    case demucs_ort::Status::bad_model:
      return exit_model;
    case demucs_ort::Status::bad_audio:
      return exit_input;
    case demucs_ort::Status::runtime_missing:
    case demucs_ort::Status::runtime_failed:
      return exit_runtime;
    case demucs_ort::Status::output_failed:
      return exit_output;
    case demucs_ort::Status::cancelled:
      break;
  }
  return exit_internal;
}

}  // namespace

int exit_code_of(const Interrupt& interrupt, std::string& sentence, const std::function<void()>& work) {
  try {
    work();
    return exit_ok;
  } catch (const ExitError& error) {
    sentence = error.what();
    return error.code();
  } catch (const demucs_ort::Error& error) {
    sentence = error.what();
    if (error.status() == demucs_ort::Status::cancelled) return 128 + interrupt.signal();
    return exit_code_for(error.status());
  } catch (const std::bad_alloc&) {
    sentence = "there is not enough memory";
    return exit_internal;
  } catch (const std::exception& error) {
    sentence = std::string("internal error: ") + error.what();
    return exit_internal;
  }
}
