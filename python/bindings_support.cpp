#include "bindings_support.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/joining_thread.hpp"
#include "base/process.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"

using namespace demucs_ort;

const char* status_name(Status status) {
  switch (status) {
    case Status::invalid_argument:
      return "invalid_argument";
    case Status::bad_model:
      return "bad_model";
    case Status::bad_audio:
      return "bad_audio";
    case Status::runtime_missing:
      return "runtime_missing";
    case Status::runtime_failed:
      return "runtime_failed";
    case Status::cancelled:
      return "cancelled";
    case Status::output_failed:
      return "output_failed";
  }
  return "unknown";
}

std::string shape_text(const py::array& array) { return py::str(array.attr("shape")).cast<std::string>(); }

Array checked_mix(const MixArgument& mix, py::ssize_t axes, const std::string& wanted) {
  if (!py::isinstance<py::array>(mix)) throw py::type_error("mix must be a numpy array, " + wanted);
  const auto array = py::cast<py::array>(mix);
  if (!py::isinstance<Array>(mix)) {
    throw py::type_error("mix must be a float32 array, not " + py::str(array.dtype()).cast<std::string>() +
                         "; convert it with mix.astype(numpy.float32) and full scale 1.0");
  }
  if (array.ndim() != axes) throw py::value_error("mix must be " + wanted + ", not " + shape_text(array));
  return py::cast<Array>(array);
}

Array contiguous_rows(const Array& array) {
  const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  if (aligned && array.strides(1) == py::ssize_t{sizeof(float)}) return array;
  return py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(array);
}

Array checked_track(const MixArgument& mix, const ModelInfo& info) {
  const std::string wanted = "of shape (" + std::to_string(info.channels) + ", frames)";
  const Array array = checked_mix(mix, 2, wanted);
  if (static_cast<std::size_t>(array.shape(0)) != info.channels) {
    throw py::value_error("mix must be " + wanted + ", not " + shape_text(array));
  }
  return contiguous_rows(array);
}

StemArrays::StemArrays(const std::vector<std::string>& names, std::size_t channels, std::size_t frames)
    : names_(names) {
  for (std::size_t s = 0; s < names.size(); ++s) {
    arrays_.emplace_back(std::vector<std::size_t>{channels, frames});
    rows_.push_back(row_pointers(arrays_.back().mutable_data(), arrays_.back()));
  }
  for (const auto& rows : rows_) pointers_.push_back(rows.data());
}

py::dict StemArrays::dict(std::optional<std::size_t> frames) const {
  py::dict stems;
  for (std::size_t s = 0; s < names_.size(); ++s) {
    if (frames) {
      stems[py::str(names_[s])] = arrays_[s][py::make_tuple(py::ellipsis(), py::slice(0, *frames, 1))];
    } else {
      stems[py::str(names_[s])] = arrays_[s];
    }
  }
  return stems;
}

py::str readable(const std::string& sentence) {
  const auto size = static_cast<py::ssize_t>(sentence.size());
  return py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(sentence.data(), size, "backslashreplace"));
}

Priority priority_named(const std::string& name) {
  if (name == "background") return Priority::background;
  if (name == "normal") return Priority::normal;
  if (name == "foreground") return Priority::foreground;
  throw py::value_error("priority is '" + name + "'; choose 'background', 'normal' or 'foreground'");
}

SeparatorOptions separator_options(double overlap, unsigned shifts, std::uint32_t seed,
                                   const std::vector<std::size_t>& shift_offsets,
                                   const std::optional<std::vector<std::string>>& stems, const std::string& two_stems,
                                   const std::string& other_method, const std::string& residual_to) {
  if (other_method != "add" && other_method != "minus") {
    throw py::value_error("other_method is '" + other_method + "'; choose 'add' or 'minus'");
  }
  if (stems && stems->empty()) throw py::value_error("stems is an empty list; leave it out to get all stems");
  SeparatorOptions options;
  options.overlap = overlap;
  options.shifts = shifts;
  options.seed = seed;
  options.shift_offsets = shift_offsets;
  options.stems = stems.value_or(std::vector<std::string>{});
  options.two_stems = two_stems;
  options.other_method = other_method == "add" ? OtherMethod::add : OtherMethod::minus;
  options.residual_to = residual_to;
  return options;
}

namespace {

std::atomic<bool> stopped{false};
std::thread::id last_thread;      // that goes on; written before `stopped`
std::atomic<int> coming_back{0};  // threads between their last look at `stopped` and the interpreter's lock

}  // namespace

Released::Released() : state_(PyEval_SaveThread()) { stay_if_stopped(); }

Released::~Released() {
  ++coming_back;
  if (stopped && std::this_thread::get_id() != last_thread) --coming_back;
  stay_if_stopped();
  PyEval_RestoreThread(state_);
  --coming_back;
}

void Released::stay_if_stopped() {
  while (stopped && std::this_thread::get_id() != last_thread) std::this_thread::sleep_for(std::chrono::hours(1));
}

void Released::stop_all_others() {
  last_thread = std::this_thread::get_id();
  stopped = true;
  while (coming_back > 0) {
    PyThreadState* const state = PyEval_SaveThread();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    PyEval_RestoreThread(state);
  }
}

namespace {

std::vector<std::weak_ptr<Closable>>& kept() {
  static std::vector<std::weak_ptr<Closable>> all;
  return all;
}

/// A call that a thread of its own works for.
class Run : public Closable {
 public:
  /// Waits until the work has ended, and so has removed what it had half written.
  void close() override {
    if (process_.has_forked()) return;
    cancel.request();
    const Released release;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return finished; });
  }

  const CancelToken cancel;
  std::mutex mutex;  // guards the following
  std::condition_variable changed;
  std::optional<double> fraction;
  bool finished = false;
  std::exception_ptr failure;

 private:
  Process process_;
};

}  // namespace

void Closable::keep(const std::shared_ptr<Closable>& closable) {
  std::erase_if(kept(), [](const auto& one) { return one.expired(); });
  kept().push_back(closable);
}

void Closable::close_all() {
  Released::stop_all_others();
  const auto all = kept();
  for (const auto& one : all) {
    if (const auto closable = one.lock()) closable->close();
  }
}

void run_watched(const py::object& progress, const std::function<void(const OnProgress&, const CancelToken&)>& work) {
  const auto run = std::make_shared<Run>();
  JoiningThread worker([run, &work] {
    std::exception_ptr failure;
    try {
      work(
          [&](const Progress& news) {
            const std::lock_guard lock(run->mutex);
            if (news.stage == Stage::separating) run->fraction = news.fraction;
            run->changed.notify_all();
          },
          run->cancel);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(run->mutex);
    run->failure = failure;
    run->finished = true;
    run->changed.notify_all();
  });
  try {
    Closable::keep(run);
    for (bool done = false; !done;) {
      std::optional<double> news;
      {
        const Released release;
        std::unique_lock lock(run->mutex);
        run->changed.wait_for(lock, std::chrono::milliseconds(50),
                              [&] { return run->finished || run->fraction.has_value(); });
        std::swap(news, run->fraction);
        done = run->finished;
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (news && !progress.is_none()) progress(*news);
    }
  } catch (const std::exception&) {
    run->cancel.request();
    const Released release;
    worker.join();
    throw;
  } catch (...) {
    Released::stay_if_stopped();  // Python ends a daemon thread inside `progress` like this
    run->cancel.request();
    throw;
  }
  worker.join();
  if (run->failure) std::rethrow_exception(run->failure);
}
