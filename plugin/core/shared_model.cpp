#include "core/shared_model.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <tuple>

#include "core/model_file.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"

namespace fs = std::filesystem;

namespace demucs_ort::plugin {
namespace {

/// What has to be the same for a file to be the same.
using FileKey = std::tuple<fs::path, std::uintmax_t, fs::file_time_type>;

FileKey key_of(const fs::path& file) {
  std::error_code error;  // what is wrong with the file is said by whoever loads it
  const fs::path real = fs::weakly_canonical(file, error);
  return {error ? file : real, fs::file_size(file, error), fs::last_write_time(file, error)};
}

/// One file's model. Whoever loads it holds its mutex, and the others wait for that.
struct Entry {
  std::mutex loading;
  std::weak_ptr<const Model> model;
};

std::shared_ptr<Entry> entry_of(const FileKey& key) {
  static std::mutex mutex;
  static std::map<FileKey, std::shared_ptr<Entry>> entries;
  const std::lock_guard lock(mutex);
  auto& entry = entries[key];
  if (!entry) entry = std::make_shared<Entry>();
  return entry;
}

/// An ONNX Runtime that was installed with the plug-in; empty: none.
fs::path own_runtime() {
  std::error_code error;
  for (const char* const name : {"libonnxruntime.so.1", "libonnxruntime.dylib", "onnxruntime.dll"}) {
    const fs::path file = own_folder() / name;
    if (fs::is_regular_file(file, error)) return file;
  }
  return {};
}

}  // namespace

std::shared_ptr<const Model> shared_model(const fs::path& file, const CancelToken& cancel) {
  const auto entry = entry_of(key_of(file));
  const std::lock_guard lock(entry->loading);
  if (auto model = entry->model.lock()) return model;
  ModelOptions options;
  options.max_concurrent_runs = 1;  // a stream computes a window at a time, and the soonest with all threads
  options.onnxruntime_library = own_runtime();
  options.cancel = cancel;
  auto model = Model::load(file, options);
  entry->model = model;
  return model;
}

}  // namespace demucs_ort::plugin
