#include "deck/deck_failure.hpp"

#include <exception>
#include <new>
#include <string>

#include "demucs_ort/error.hpp"

namespace demucs_ort {

DeckFailure DeckFailure::current() noexcept {
  try {
    try {
      throw;
    } catch (const Error& error) {
      return {error.status(), error.what()};
    } catch (const std::bad_alloc&) {
      return {Status::runtime_failed, {}};
    } catch (const std::exception& error) {
      return {Status::bad_audio, std::string("the read callback failed: ") + error.what()};
    } catch (...) {
      return {Status::bad_audio, "the read callback failed with something that is no std::exception"};
    }
  } catch (...) {
    return {Status::runtime_failed, {}};
  }
}

}  // namespace demucs_ort
