#include "demucs_ort/c_api_stream.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "c_api/c_api_support.hpp"
#include "demucs_ort/c_api.h"
#include "demucs_ort/error.hpp"
#include "demucs_ort/separator.hpp"
#include "demucs_ort/stream.hpp"

using namespace demucs_ort;
using namespace demucs_ort::c_api;

struct demucs_ort_stream {
  Stream stream;
};

namespace {

constexpr std::size_t first_stream_options = DEMUCS_ORT_FIRST_SIZE(demucs_ort_stream_options, priority);
static_assert(never_changes(first_stream_options, 88));

/// What both kinds of options say of stems, by the rules of the one.
SeparatorOptions choice_of(const demucs_ort_stream_options& known) {
  demucs_ort_separator_options separator{};
  separator.struct_size = sizeof separator;
  separator.stems = known.stems;
  separator.stem_count = known.stem_count;
  separator.two_stems = known.two_stems;
  separator.other_method = known.other_method;
  separator.residual_to = known.residual_to;
  separator.priority = known.priority;
  separator.sample_rate = known.sample_rate;
  return c_api::convert(&separator);
}

StreamOptions convert_stream(const demucs_ort_stream_options* given) {
  StreamOptions options;
  if (given == nullptr) return options;
  const auto known = known_options(given, first_stream_options);
  options.hop = known.hop;
  options.lookahead = known.lookahead;
  options.crossfade = known.crossfade;
  options.compute_time = known.compute_time;
  if (known.underrun != DEMUCS_ORT_UNDERRUN_SILENCE && known.underrun != DEMUCS_ORT_UNDERRUN_MIX) {
    throw Error(Status::invalid_argument, "there is no underrun " + std::to_string(known.underrun));
  }
  options.underrun = known.underrun == DEMUCS_ORT_UNDERRUN_MIX ? Underrun::mix : Underrun::silence;
  SeparatorOptions choice = choice_of(known);
  options.stems = std::move(choice.stems);
  options.two_stems = std::move(choice.two_stems);
  options.other_method = choice.other_method;
  options.residual_to = std::move(choice.residual_to);
  options.priority = choice.priority;
  options.sample_rate = choice.sample_rate;
  return options;
}

}  // namespace

demucs_ort_status demucs_ort_stream_options_init(demucs_ort_stream_options* options, size_t struct_size) {
  return status_of([&] {
    require(options, "options");
    const StreamOptions defaults;
    demucs_ort_stream_options known{};
    known.hop = defaults.hop;
    known.lookahead = defaults.lookahead;
    known.crossfade = defaults.crossfade;
    known.compute_time = defaults.compute_time;
    known.priority = DEMUCS_ORT_PRIORITY_FOREGROUND;
    fill(options, known, struct_size, first_stream_options);
  });
}

demucs_ort_status demucs_ort_stream_recommend(const demucs_ort_model* model, double load,
                                              demucs_ort_stream_options* options) {
  return status_of([&] {
    require(model, "model");
    require(options, "options");
    const StreamOptions found = Stream::recommend(model->model, convert_stream(options), load);
    options->hop = found.hop;
    options->compute_time = found.compute_time;
  });
}

demucs_ort_status demucs_ort_stream_latency_of(const demucs_ort_stream_options* options, int32_t model_sample_rate,
                                               size_t* frames) {
  return status_of([&] {
    require(frames, "frames");
    *frames = Stream::latency_of(convert_stream(options), model_sample_rate);
  });
}

demucs_ort_status demucs_ort_stream_create(const demucs_ort_model* model, const demucs_ort_stream_options* options,
                                           demucs_ort_stream** stream) {
  return status_of([&] {
    require(model, "model");
    require(stream, "stream");
    *stream = new demucs_ort_stream{Stream(model->model, convert_stream(options))};
  });
}

void demucs_ort_stream_free(demucs_ort_stream* stream) { delete stream; }

void demucs_ort_stream_process(demucs_ort_stream* stream, const float* const* in, float* const* const* out,
                               size_t frames) {
  demucs_ort_stream_process_strided(stream, in, 1, out, 1, frames);
}

void demucs_ort_stream_process_strided(demucs_ort_stream* stream, const float* const* in, size_t in_stride,
                                       float* const* const* out, size_t out_stride, size_t frames) {
  if (stream == nullptr || in == nullptr || out == nullptr) return;
  stream->stream.process(in, out, frames, {in_stride, out_stride});
}

demucs_ort_status demucs_ort_stream_render(demucs_ort_stream* stream, const float* const* in, float* const* const* out,
                                           size_t frames) {
  return demucs_ort_stream_render_strided(stream, in, 1, out, 1, frames);
}

demucs_ort_status demucs_ort_stream_render_strided(demucs_ort_stream* stream, const float* const* in, size_t in_stride,
                                                   float* const* const* out, size_t out_stride, size_t frames) {
  return status_of([&] {
    require(stream, "stream");
    const std::size_t channels = stream->stream.model().info().channels;
    require_all(in, channels, "in");
    require_all(out, stream->stream.stems().size(), "out");
    for (std::size_t s = 0; s < stream->stream.stems().size(); ++s) require_all(out[s], channels, "a stem's channels");
    stream->stream.render(in, out, frames, {in_stride, out_stride});
  });
}

void demucs_ort_stream_reset(demucs_ort_stream* stream) {
  if (stream != nullptr) stream->stream.reset();
}

size_t demucs_ort_stream_latency_frames(const demucs_ort_stream* stream) {
  return stream == nullptr ? 0 : stream->stream.latency_frames();
}

uint64_t demucs_ort_stream_underruns(const demucs_ort_stream* stream) {
  return stream == nullptr ? 0 : stream->stream.underruns();
}

double demucs_ort_stream_load(const demucs_ort_stream* stream) { return stream == nullptr ? 0 : stream->stream.load(); }

demucs_ort_status demucs_ort_stream_failure(const demucs_ort_stream* stream, char* text, size_t size) {
  return status_of([&] {
    require(stream, "stream");
    require(text, "text");
    if (size == 0) throw Error(Status::invalid_argument, "a text of size 0 has no room");
    std::span<char> room(text, size);
    copy_text(stream->stream.failure(), room);
  });
}

size_t demucs_ort_stream_stem_count(const demucs_ort_stream* stream) {
  return stream == nullptr ? 0 : stream->stream.stems().size();
}

const char* demucs_ort_stream_stem_name(const demucs_ort_stream* stream, size_t index) {
  return index < demucs_ort_stream_stem_count(stream) ? stream->stream.stems()[index].c_str() : nullptr;
}
