#pragma once

// What the files of the Python door share: checking and converting arguments.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/process.hpp"
#include "demucs_ort/demucs_ort.hpp"

namespace py = pybind11;

using Array = py::array_t<float>;

/// An argument that is checked here, with a sentence of ours, and not by pybind11's overload resolution.
class MixArgument : public py::object {
  static bool accept(PyObject* any) { return any != nullptr; }
  PYBIND11_OBJECT(MixArgument, py::object, accept)
};

const char* status_name(demucs_ort::Status status);

/// A sentence with names of files that need not be UTF-8, which no error or warning must turn into UnicodeDecodeError.
py::str readable(const std::string& sentence);

std::string shape_text(const py::array& array);

/// `mix` as a float32 array with so many axes, not copied.
Array checked_mix(const MixArgument& mix, py::ssize_t axes, const std::string& wanted);

/// The same array if the samples of each row lie side by side, else a copy.
Array contiguous_rows(const Array& array);

/// A track: `mix` as an array of one row for each of the model's channels, each contiguous.
Array checked_track(const MixArgument& mix, const demucs_ort::ModelInfo& info);

/// Pointers to the rows of (rows, frames); numpy's own bounds checks refuse those of an empty array.
template <typename Sample>
std::vector<Sample*> row_pointers(Sample* first, const Array& array) {
  std::vector<Sample*> rows;
  for (py::ssize_t row = 0; row < array.shape(0); ++row) {
    rows.push_back(first + row * (array.strides(0) / py::ssize_t{sizeof(float)}));
  }
  return rows;
}

/// Arrays to put stems into, and the pointers that the library wants.
class StemArrays {
 public:
  StemArrays(const std::vector<std::string>& names, std::size_t channels, std::size_t frames);
  StemArrays(const StemArrays&) = delete;
  StemArrays& operator=(const StemArrays&) = delete;

  float* const* const* pointers() const { return pointers_.data(); }
  /// By name; only the first frames, where that is said.
  py::dict dict(std::optional<std::size_t> frames = std::nullopt) const;

 private:
  std::vector<std::string> names_;
  std::vector<Array> arrays_;
  std::vector<std::vector<float*>> rows_;
  std::vector<float* const*> pointers_;
};

demucs_ort::Priority priority_named(const std::string& name);

demucs_ort::SeparatorOptions separator_options(double overlap, unsigned shifts, std::uint32_t seed,
                                               const std::vector<std::size_t>& shift_offsets,
                                               const std::optional<std::vector<std::string>>& stems,
                                               const std::string& two_stems, const std::string& other_method,
                                               const std::string& residual_to);

/// Lets other Python threads run while it lives. Once the interpreter is ending, a daemon thread stays in here for
/// ever: with the interpreter's lock it would be ended in the middle of C++ code, which aborts the program.
class Released {
 public:
  Released();
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  ~Released();

  /// From now on only the calling thread, which has the interpreter's lock, gets it back.
  static void stop_all_others();
  /// Stays for ever if that was said and this is another thread.
  static void stay_if_stopped();

 private:
  PyThreadState* state_;
};

/// What has threads of its own, which must end before the interpreter does. Used with the interpreter's lock.
class Closable {
 public:
  Closable() = default;
  Closable(const Closable&) = delete;
  Closable& operator=(const Closable&) = delete;
  virtual ~Closable() = default;
  virtual void close() = 0;

  /// Has it closed at the interpreter's end.
  static void keep(const std::shared_ptr<Closable>& closable);
  static void close_all();
};

/// An object of the library that Python threads share and any of them may close. One at a time uses it.
template <typename Core>
class Shared : public Closable {
 public:
  /// `name`: in messages.
  static std::shared_ptr<Shared> make(const char* name, std::unique_ptr<Core> core) {
    auto shared = std::make_shared<Shared>(name, std::move(core));
    keep(shared);
    return shared;
  }
  Shared(const char* name, std::unique_ptr<Core> core) : name_(name), core_(std::move(core)) {}

  /// What `ask` answers; other Python threads run meanwhile.
  template <typename Ask>
  auto with(const Ask& ask) {
    using demucs_ort::Error, demucs_ort::Status;
    if (process_.has_forked()) {
      throw Error(Status::runtime_failed, std::string("this process was forked from the one that made the ") + name_ +
                                              "; make another one here");
    }
    const Released release;
    const std::lock_guard lock(mutex_);
    if (!core_) throw Error(Status::invalid_argument, std::string("the ") + name_ + " has been closed");
    return ask(*core_);
  }

  /// Returns when it is closed, whoever does it.
  void close() override {
    if (process_.has_forked()) {
      static_cast<void>(core_.release());  // its threads are not here; to wait for them is to wait for ever
      return;
    }
    const Released release;
    const std::lock_guard closing(closing_);
    std::unique_ptr<Core> gone;
    {
      const std::lock_guard lock(mutex_);
      gone = std::move(core_);
    }
  }

 private:
  demucs_ort::Process process_;
  const char* name_;
  std::mutex closing_;  // held until it is closed; callbacks may need the other one meanwhile
  std::mutex mutex_;    // guards
  std::unique_ptr<Core> core_;
};

/// Runs `work` on another thread, so that this one can call `progress` and notice Ctrl-C at once. An exception from
/// either cancels the work before it goes on to the caller.
void run_watched(const py::object& progress,
                 const std::function<void(const demucs_ort::OnProgress&, const demucs_ort::CancelToken&)>& work);

void register_files(py::module_& module);
void register_deck(py::module_& module);
void register_stream(py::module_& module);

namespace pybind11::detail {
template <>
struct handle_type_name<MixArgument> {
  static constexpr auto name = const_name("numpy.typing.NDArray[numpy.float32]");
};
}  // namespace pybind11::detail
