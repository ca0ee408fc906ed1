#pragma once

// What the files of the C door, here and in cpp/files, share: handles, checks of what C hands in, and exceptions to
// statuses.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.hpp"
#include "demucs_ort/c_api.h"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

struct demucs_ort_model {
  std::shared_ptr<const demucs_ort::Model> model;
  std::vector<const char*> sources;
  std::vector<const char*> members;
  mutable std::mutex mutex;                 // guards
  mutable std::set<std::string> providers;  // that were told: a bag's changes once, and the text before stays valid
};

namespace demucs_ort::c_api {

/// Carries a callback's refusal through the library.
struct CallbackFailed : std::runtime_error {
  CallbackFailed(const std::string& name, std::int32_t code)
      : std::runtime_error("the " + name + " callback stopped the separation by returning " + std::to_string(code)) {}
};

/// As much of the text as fits, ended by a zero, and not in the middle of a UTF-8 sequence.
template <typename Letters>
void copy_text(std::string_view given, Letters& letters) noexcept {
  std::size_t size = std::min(given.size(), std::size(letters) - 1);
  while (size > 0 && size < given.size() && (static_cast<unsigned char>(given[size]) & 0xC0) == 0x80) --size;
  std::copy_n(given.data(), size, std::begin(letters));
  letters[size] = '\0';
}

/// Remembers the sentence for demucs_ort_last_error.
inline demucs_ort_status failed(demucs_ort_status status, std::string_view message) noexcept {
  std::array<char, 1024> sentence{};  // as long as what keeps it
  copy_text(message, sentence);
  demucs_ort_set_last_error(sentence.data());
  return status;
}

/// Does `work` and turns what it throws into a status and a message.
template <typename Work>
demucs_ort_status status_of(const Work& work) noexcept {
  try {
    work();
    return DEMUCS_ORT_OK;
  } catch (const Error& error) {
    return failed(static_cast<demucs_ort_status>(error.status()), error.what());
  } catch (const CallbackFailed& refusal) {
    return failed(DEMUCS_ORT_CALLBACK_FAILED, refusal.what());
  } catch (const std::bad_alloc&) {
    return failed(DEMUCS_ORT_OUT_OF_MEMORY, "there is not enough memory");
  } catch (const std::exception& error) {
    return failed(DEMUCS_ORT_INTERNAL, error.what());
  } catch (...) {
    return failed(DEMUCS_ORT_INTERNAL, "something that is no std::exception was thrown");
  }
}

inline void require(const void* pointer, const char* what) {
  if (pointer == nullptr) throw Error(Status::invalid_argument, std::string(what) + " is NULL");
}

/// A list that can be right: there, and not absurdly long.
inline void require_list(const void* first, std::size_t count, const char* what) {
  require(first, what);
  if (count > 4096) throw Error(Status::invalid_argument, std::to_string(count) + " " + what + " cannot be right");
}

/// All pointers of a list.
template <typename Pointer>
void require_all(const Pointer* pointers, std::size_t count, const char* what) {
  require_list(pointers, count, what);
  for (std::size_t i = 0; i < count; ++i) {
    if (pointers[i] == nullptr) {
      throw Error(Status::invalid_argument, std::string(what) + "[" + std::to_string(i) + "] is NULL");
    }
  }
}

/// A struct's size in the first release, whose last field was `last`: what the oldest callers say. Later fields lie
/// behind it.
#define DEMUCS_ORT_FIRST_SIZE(Struct, last) \
  ((offsetof(Struct, last) + sizeof(Struct::last) + alignof(Struct) - 1) / alignof(Struct) * alignof(Struct))

/// Whether that size is still the one that was released, for 64-bit systems.
constexpr bool never_changes(std::size_t first_size, std::size_t released) {
  return sizeof(void*) != 8 || first_size == released;
}

inline void check_struct_size(std::size_t size, std::size_t least) {
  constexpr std::size_t most = 4096;  // far more than any of these structs will ever take
  if (size < least || size > most) {
    throw Error(Status::invalid_argument, "a struct_size of " + std::to_string(size) +
                                              " bytes cannot be right; set it to sizeof the struct, or use its init");
  }
}

/// A copy of the caller's options, which may be older (shorter) or newer (longer) than those known here.
template <typename Options>
Options known_options(const Options* given, std::size_t first_version_size) {
  Options options{};
  check_struct_size(given->struct_size, first_version_size);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (std::any_of(bytes + std::min(sizeof(Options), given->struct_size), bytes + given->struct_size,
                  [](unsigned char byte) { return byte != 0; })) {
    throw Error(Status::invalid_argument, "the options ask for something this version of the library does not know");
  }
  std::memcpy(&options, given, std::min(sizeof(Options), given->struct_size));
  return options;
}

/// Copies as much of `known` as the caller's struct has room for, and zeroes what it has beyond.
template <typename Struct>
void fill(Struct* target, Struct known, std::size_t struct_size, std::size_t first_version_size) {
  check_struct_size(struct_size, first_version_size);
  known.struct_size = struct_size;
  std::memset(static_cast<void*>(target), 0, struct_size);
  std::memcpy(target, &known, std::min(sizeof(Struct), struct_size));
}

/// Empty for NULL.
inline std::string text(const char* given) { return given == nullptr ? std::string() : std::string(given); }
/// The flags of a caller; NULL: all sources.
SourceMask source_mask(const std::uint8_t* wanted, std::size_t count);
Priority priority(std::int32_t number);
/// From UTF-8; empty for NULL.
inline std::filesystem::path path(const char* utf8) {
  return utf8 == nullptr ? std::filesystem::path() : utf8_path(utf8);
}
SeparatorOptions convert(const demucs_ort_separator_options* given);

}  // namespace demucs_ort::c_api
