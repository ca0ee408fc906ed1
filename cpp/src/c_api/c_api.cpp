#include "demucs_ort/c_api.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "c_api/c_api_support.hpp"
#include "demucs_ort/demucs_ort.hpp"

using namespace demucs_ort;
using namespace demucs_ort::c_api;

struct demucs_ort_cancel {
  CancelToken token;
};

struct demucs_ort_separator {
  Separator separator;
};

namespace {

// Trivial, so that storing a message cannot fail and a thread's end has nothing to destroy.
thread_local std::array<char, 1024> last_error{};

constexpr std::size_t first_model_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_model_options, low_priority);
constexpr std::size_t first_model_info = DEMUCS_ORT_FIRST_SIZE(demucs_ort_model_info, max_concurrent_runs);
constexpr std::size_t first_run_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_run_options, priority);
constexpr std::size_t first_separator_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_separator_options, priority);
constexpr std::size_t first_memory_estimate = DEMUCS_ORT_FIRST_SIZE(demucs_ort_memory_estimate, total);
static_assert(never_changes(first_model_options, 56) && never_changes(first_model_info, 128) &&
              never_changes(first_memory_estimate, 32) && never_changes(first_run_options, 40) &&
              never_changes(first_separator_options, 88));

ModelOptions convert_model(const demucs_ort_model_options* given) {
  ModelOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_model_options);
  if (known.provider != nullptr) options.provider = known.provider;
  options.threads = known.threads;
  options.onnxruntime_library = path(known.onnxruntime_library);
  if (known.provider_option_count > 0) {
    require_all(known.provider_options, 2 * known.provider_option_count, "provider_options");
    for (std::size_t i = 0; i < 2 * known.provider_option_count; i += 2) {
      options.provider_options[known.provider_options[i]] = known.provider_options[i + 1];
    }
  }
  options.max_concurrent_runs = known.max_concurrent_runs;
  options.low_priority = known.low_priority != 0;
  options.max_batch = known.max_batch;
  options.memory_mb = known.memory_mb;
  options.provider_library = path(known.provider_library);
  if (known.cancel != nullptr) options.cancel = known.cancel->token;
  return options;
}

RunOptions convert_run(const demucs_ort_run_options* given) {
  RunOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_run_options);
  if (known.cancel != nullptr) options.cancel = known.cancel->token;
  options.wanted = source_mask(known.wanted, known.wanted_count);
  options.priority = priority(known.priority);
  return options;
}

CancelToken token(const demucs_ort_cancel* cancel) { return cancel == nullptr ? CancelToken() : cancel->token; }

OnProgress on_progress(demucs_ort_progress_callback progress, void* user_data) {
  if (progress == nullptr) return {};
  return [progress, user_data](const Progress& news) {
    const std::int32_t stage =
        news.stage == Stage::measuring ? DEMUCS_ORT_STAGE_MEASURING : DEMUCS_ORT_STAGE_SEPARATING;
    if (const std::int32_t code = progress(user_data, stage, news.fraction); code != 0) {
      throw CallbackFailed("progress", code);
    }
  };
}

Write on_write(demucs_ort_write_callback write, void* user_data) {
  return [write, user_data](std::size_t first, std::size_t frames, const float* const* const* stems) {
    if (const auto code = write(user_data, first, frames, stems); code != 0) throw CallbackFailed("write", code);
  };
}

void hand_out(std::shared_ptr<const Model> loaded, demucs_ort_model** model) {
  auto handle = std::make_unique<demucs_ort_model>();
  for (const auto& source : loaded->info().sources) handle->sources.push_back(source.c_str());
  for (const auto& member : loaded->info().members) handle->members.push_back(member.c_str());
  handle->model = std::move(loaded);
  *model = handle.release();
}

}  // namespace

namespace demucs_ort::c_api {

SeparatorOptions convert(const demucs_ort_separator_options* given) {
  SeparatorOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_separator_options);
  options.overlap = known.overlap;
  options.shifts = known.shifts;
  options.seed = known.seed;
  if (known.shift_offset_count > 0) {
    require_list(known.shift_offsets, known.shift_offset_count, "shift_offsets");
    options.shift_offsets.assign(known.shift_offsets, known.shift_offsets + known.shift_offset_count);
  }
  if (known.stem_count > 0) {
    require_all(known.stems, known.stem_count, "stems");
    options.stems.assign(known.stems, known.stems + known.stem_count);
  } else if (known.stems != nullptr) {
    throw Error(Status::invalid_argument, "stems is an empty list; leave it NULL to get all stems");
  }
  options.two_stems = text(known.two_stems);
  if (known.other_method != DEMUCS_ORT_OTHER_ADD && known.other_method != DEMUCS_ORT_OTHER_MINUS) {
    throw Error(Status::invalid_argument, "there is no other_method " + std::to_string(known.other_method));
  }
  options.other_method = known.other_method == DEMUCS_ORT_OTHER_ADD ? OtherMethod::add : OtherMethod::minus;
  options.residual_to = text(known.residual_to);
  options.priority = priority(known.priority);
  options.sample_rate = known.sample_rate;
  return options;
}

SourceMask source_mask(const std::uint8_t* wanted, std::size_t count) {
  if (wanted == nullptr) return {};
  require_list(wanted, count, "flags");
  SourceMask mask(wanted, wanted + count);
  // An empty mask would stand for all sources.
  if (mask.empty()) throw Error(Status::invalid_argument, "wanted is an empty list; leave it NULL to get all sources");
  return mask;
}

Priority priority(std::int32_t number) {
  if (number < DEMUCS_ORT_PRIORITY_BACKGROUND || number > DEMUCS_ORT_PRIORITY_FOREGROUND) {
    throw Error(Status::invalid_argument, "there is no priority " + std::to_string(number));
  }
  return static_cast<Priority>(number);
}

}  // namespace demucs_ort::c_api

const char* demucs_ort_last_error(void) { return last_error.data(); }

void demucs_ort_set_last_error(const char* sentence) { copy_text(sentence == nullptr ? "" : sentence, last_error); }

const char* demucs_ort_version(void) { return DEMUCS_ORT_VERSION; }

uint32_t demucs_ort_abi_version(void) { return DEMUCS_ORT_ABI_VERSION; }

demucs_ort_status demucs_ort_check_abi(uint32_t abi_version) {
  return status_of([&] {
    if (abi_version == demucs_ort_abi_version()) return;
    throw Error(Status::invalid_argument, "the program was compiled for interface " + std::to_string(abi_version) +
                                              " of demucs_ort, but this is " + DEMUCS_ORT_VERSION + " with interface " +
                                              std::to_string(demucs_ort_abi_version()) +
                                              "; compile the program with this version's headers");
  });
}

uint32_t demucs_ort_default_threads(void) { return Model::default_threads(); }

demucs_ort_status demucs_ort_cancel_create(demucs_ort_cancel** cancel) {
  return status_of([&] {
    require(cancel, "cancel");
    *cancel = new demucs_ort_cancel;
  });
}

void demucs_ort_cancel_free(demucs_ort_cancel* cancel) { delete cancel; }

void demucs_ort_cancel_request(const demucs_ort_cancel* cancel) {
  if (cancel != nullptr) cancel->token.request();
}

int32_t demucs_ort_cancel_requested(const demucs_ort_cancel* cancel) {
  return cancel != nullptr && cancel->token.requested() ? 1 : 0;
}

demucs_ort_status demucs_ort_set_log(int32_t level, demucs_ort_log_callback log, void* user_data) {
  return status_of([&] {
    if (log == nullptr) return set_log(static_cast<LogLevel>(level));
    set_log(static_cast<LogLevel>(level), [log, user_data](LogLevel of, const std::string& message) {
      log(user_data, static_cast<std::int32_t>(of), message.c_str());
    });
  });
}

demucs_ort_status demucs_ort_model_options_init(demucs_ort_model_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    fill(options, demucs_ort_model_options{}, struct_size, first_model_options);
  });
}

demucs_ort_status demucs_ort_available_providers(const demucs_ort_model_options* options,
                                                 void (*take)(void* user_data, const char* name), void* user_data) {
  return status_of([&] {
    if (take == nullptr) throw Error(Status::invalid_argument, "take is NULL");
    for (const auto& name : Model::available_providers(convert_model(options))) take(user_data, name.c_str());
  });
}

demucs_ort_status demucs_ort_model_load(const char* file, const demucs_ort_model_options* options,
                                        demucs_ort_model** model) {
  return status_of([&] {
    require(file, "path");
    require(model, "model");
    hand_out(Model::load(path(file), convert_model(options)), model);
  });
}

demucs_ort_status demucs_ort_model_load_memory(const void* data, size_t size, const demucs_ort_model_options* options,
                                               demucs_ort_model** model) {
  return status_of([&] {
    require(data, "data");
    require(model, "model");
    hand_out(Model::load(data, size, convert_model(options)), model);
  });
}

void demucs_ort_model_free(demucs_ort_model* model) { delete model; }

demucs_ort_status demucs_ort_model_get_info(const demucs_ort_model* model, demucs_ort_model_info* info) {
  return status_of([&] {
    require(model, "model");
    require(info, "info");
    const ModelInfo& from = model->model->info();
    demucs_ort_model_info known{};
    known.name = from.name.c_str();
    known.sources = model->sources.data();
    known.source_count = model->sources.size();
    known.channels = from.channels;
    known.segment_frames = from.segment_frames;
    known.sample_rate = from.sample_rate;
    known.trained = from.trained ? 1 : 0;
    known.precision = from.precision.c_str();
    known.weights_sha256 = from.weights_sha256.c_str();
    known.demucs_version = from.demucs_version.c_str();
    known.description = from.description.c_str();
    {
      const std::lock_guard lock(model->mutex);
      known.provider = model->providers.insert(model->model->provider()).first->c_str();
    }
    known.runtime_version = model->model->runtime_version().c_str();
    known.members = model->members.empty() ? nullptr : model->members.data();
    known.member_count = model->members.size();
    known.max_concurrent_runs = model->model->max_concurrent_runs();
    known.max_batch = model->model->max_batch();
    known.threads = model->model->threads();
    fill(info, known, info->struct_size, first_model_info);
  });
}

demucs_ort_status demucs_ort_model_rejected_providers(const demucs_ort_model* model,
                                                      void (*take)(void* user_data, const char* sentence),
                                                      void* user_data) {
  return status_of([&] {
    require(model, "model");
    if (take == nullptr) throw Error(Status::invalid_argument, "take is NULL");
    for (const auto& sentence : model->model->rejected_providers()) take(user_data, sentence.c_str());
  });
}

demucs_ort_status demucs_ort_model_prepare(const demucs_ort_model* model, const uint8_t* wanted, size_t wanted_count,
                                           const demucs_ort_cancel* cancel) {
  return status_of([&] {
    require(model, "model");
    model->model->prepare(source_mask(wanted, wanted_count), token(cancel));
  });
}

demucs_ort_status demucs_ort_model_memory_estimate(const demucs_ort_model* model, demucs_ort_memory_estimate* memory) {
  return status_of([&] {
    require(model, "model");
    require(memory, "memory");
    const MemoryEstimate from = model->model->memory_estimate();
    fill(memory, demucs_ort_memory_estimate{0, from.loaded, from.per_run, from.total}, memory->struct_size,
         first_memory_estimate);
  });
}

demucs_ort_status demucs_ort_run_options_init(demucs_ort_run_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    fill(options, demucs_ort_run_options{}, struct_size, first_run_options);
  });
}

demucs_ort_status demucs_ort_model_run(const demucs_ort_model* model, const float* mix, size_t batch, float* stems,
                                       const demucs_ort_run_options* options) {
  return status_of([&] {
    require(model, "model");
    require(mix, "mix");
    require(stems, "stems");
    model->model->run(mix, batch, stems, convert_run(options));
  });
}

demucs_ort_status demucs_ort_separator_options_init(demucs_ort_separator_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    const SeparatorOptions defaults;
    demucs_ort_separator_options known{};
    known.overlap = defaults.overlap;
    known.shifts = defaults.shifts;
    known.seed = defaults.seed;
    fill(options, known, struct_size, first_separator_options);
  });
}

demucs_ort_status demucs_ort_separator_create(const demucs_ort_model* model,
                                              const demucs_ort_separator_options* options,
                                              demucs_ort_separator** separator) {
  return status_of([&] {
    require(model, "model");
    require(separator, "separator");
    *separator = new demucs_ort_separator{Separator(model->model, convert(options))};
  });
}

void demucs_ort_separator_free(demucs_ort_separator* separator) { delete separator; }

size_t demucs_ort_separator_stem_count(const demucs_ort_separator* separator) {
  return separator == nullptr ? 0 : separator->separator.stems().size();
}

double demucs_ort_separator_model_seconds(const demucs_ort_separator* separator) {
  return separator == nullptr ? 0 : separator->separator.model_seconds();
}

const char* demucs_ort_separator_stem_name(const demucs_ort_separator* separator, size_t index) {
  return index < demucs_ort_separator_stem_count(separator) ? separator->separator.stems()[index].c_str() : nullptr;
}

demucs_ort_status demucs_ort_separate(demucs_ort_separator* separator, const float* const* mix, size_t frames,
                                      float* const* const* stems, demucs_ort_progress_callback progress,
                                      void* user_data, const demucs_ort_cancel* cancel) {
  return demucs_ort_separate_strided(separator, mix, 1, frames, stems, 1, progress, user_data, cancel);
}

demucs_ort_status demucs_ort_separate_strided(demucs_ort_separator* separator, const float* const* mix,
                                              size_t mix_stride, size_t frames, float* const* const* stems,
                                              size_t stems_stride, demucs_ort_progress_callback progress,
                                              void* user_data, const demucs_ort_cancel* cancel) {
  return status_of([&] {
    require(separator, "separator");
    const std::size_t channels = separator->separator.model().info().channels;
    require_all(mix, channels, "mix");
    require_all(stems, separator->separator.stems().size(), "stems");
    for (std::size_t s = 0; s < separator->separator.stems().size(); ++s) {
      require_all(stems[s], channels, "a stem's channels");
    }
    separator->separator.separate(mix, frames, stems, on_progress(progress, user_data), token(cancel),
                                  {mix_stride, stems_stride});
  });
}

demucs_ort_status demucs_ort_separate_callbacks(demucs_ort_separator* separator, demucs_ort_read_callback read,
                                                demucs_ort_write_callback write, demucs_ort_progress_callback progress,
                                                void* user_data, const demucs_ort_cancel* cancel, size_t* frames) {
  return status_of([&] {
    require(separator, "separator");
    if (read == nullptr || write == nullptr) {
      throw Error(Status::invalid_argument, "the read and the write callback are needed");
    }
    const auto on_read = [&](std::size_t first, std::size_t wanted, float* const* channels) {
      std::size_t delivered = 0;
      if (const auto code = read(user_data, first, wanted, channels, &delivered); code != 0) {
        throw CallbackFailed("read", code);
      }
      return delivered;
    };
    const std::size_t total = separator->separator.separate(on_read, on_write(write, user_data),
                                                            on_progress(progress, user_data), token(cancel));
    if (frames != nullptr) *frames = total;
  });
}

demucs_ort_status demucs_ort_separator_begin(demucs_ort_separator* separator, const char* spill_folder) {
  return status_of([&] {
    require(separator, "separator");
    separator->separator.begin(path(spill_folder));
  });
}

demucs_ort_status demucs_ort_separator_push(demucs_ort_separator* separator, const float* const* mix, size_t frames,
                                            size_t stride) {
  return status_of([&] {
    require(separator, "separator");
    require_all(mix, separator->separator.model().info().channels, "mix");
    separator->separator.push(mix, frames, stride);
  });
}

demucs_ort_status demucs_ort_separator_finish(demucs_ort_separator* separator, demucs_ort_write_callback write,
                                              demucs_ort_progress_callback progress, void* user_data,
                                              const demucs_ort_cancel* cancel, size_t* frames) {
  return status_of([&] {
    require(separator, "separator");
    if (write == nullptr) throw Error(Status::invalid_argument, "the write callback is needed");
    const std::size_t total =
        separator->separator.finish(on_write(write, user_data), on_progress(progress, user_data), token(cancel));
    if (frames != nullptr) *frames = total;
  });
}

void demucs_ort_separator_abandon(demucs_ort_separator* separator) {
  if (separator != nullptr) separator->separator.abandon();
}
