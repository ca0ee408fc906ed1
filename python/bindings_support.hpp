#pragma once

// What the files of the Python door share: checking and converting arguments.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "demucs_ort/demucs_ort.hpp"

namespace py = pybind11;

using Array = py::array_t<float>;

/// An argument that is checked here, with a sentence of ours, and not by pybind11's overload resolution.
class MixArgument : public py::object {
  static bool accept(PyObject* any) { return any != nullptr; }
  PYBIND11_OBJECT(MixArgument, py::object, accept)
};

const char* status_name(demucs_ort::Status status);

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

/// What has threads of its own, which must end before the interpreter does. Guarded by the interpreter's lock.
class Closable {
 public:
  Closable() { open().insert(this); }
  Closable(const Closable&) = delete;
  Closable& operator=(const Closable&) = delete;
  virtual void close() = 0;

  static void close_all() {
    const auto all = open();
    for (Closable* each : all) each->close();
  }

 protected:
  ~Closable() { open().erase(this); }

 private:
  static std::set<Closable*>& open() {
    static std::set<Closable*> all;
    return all;
  }
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
