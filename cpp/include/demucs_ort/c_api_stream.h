#ifndef DEMUCS_ORT_C_API_STREAM_H
#define DEMUCS_ORT_C_API_STREAM_H

/*
 * Streams for C: stems of audio as it arrives. Example (in[channel][frame], out[stem][channel][frame], one block
 * each; `report` is a function of yours that tells the host):
 *
 *     demucs_ort_stream_options options;
 *     demucs_ort_stream* stream = NULL;
 *     if (demucs_ort_stream_options_init(&options, sizeof options) != DEMUCS_ORT_OK) return;
 *     if (demucs_ort_stream_recommend(model, 0.75, &options) != DEMUCS_ORT_OK) return;
 *     if (demucs_ort_stream_create(model, &options, &stream) != DEMUCS_ORT_OK) return;
 *     report(demucs_ort_stream_latency_frames(stream));
 *     demucs_ort_stream_process(stream, in, out, frames);
 *     demucs_ort_stream_free(stream);
 *
 * The functions do what the class of stream.hpp does; its documentation holds here, too, and so do the rules of
 * c_api.h. The functions that are real-time safe do nothing with NULL.
 */

#include "demucs_ort/c_api.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  DEMUCS_ORT_UNDERRUN_SILENCE = 0, /* stems that are not ready in time are silent */
  DEMUCS_ORT_UNDERRUN_MIX = 1      /* or the mix, as late as the stems would be, shared equally between them */
};

/* See demucs_ort::StreamOptions. What it points to is only needed during the call it is given to. */
typedef struct demucs_ort_stream_options {
  size_t struct_size;
  double hop;               /* seconds from one run of the model to the next */
  double lookahead;         /* seconds heard beyond the newest audio that stems are delivered of */
  double crossfade;         /* seconds in which a run's stems fade in over those before, at most hop */
  double compute_time;      /* seconds for computing, in (0, 60] */
  const char* const* stems; /* which to deliver, in this order; NULL: all of the model's */
  size_t stem_count;
  const char* two_stems;   /* not NULL: deliver that stem and "no_<stem>"; excludes stems */
  const char* residual_to; /* not NULL: this delivered stem takes all that the model's other stems leave of the mix */
  int32_t other_method;    /* for two_stems; DEMUCS_ORT_OTHER_... */
  int32_t underrun;        /* DEMUCS_ORT_UNDERRUN_...; default SILENCE */
  int32_t priority;        /* DEMUCS_ORT_PRIORITY_...; default FOREGROUND */
  int32_t sample_rate;     /* of mix and stems, 8000 to 192000 Hz; 0: the model's */
} demucs_ort_stream_options;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_stream_options). Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_options_init(demucs_ort_stream_options* options,
                                                                   size_t struct_size);

/* Measures the model on this machine and changes two options: hop, to the smallest at which computing takes no more
 * than `load` of the time, in (0, 1], and compute_time. `options` must be initialised. Blocks for about eight runs of
 * the model. Fails with RUNTIME_FAILED if that hop is too long for the model's segment. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_recommend(const demucs_ort_model* model, double load,
                                                                demucs_ort_stream_options* options);

/* demucs_ort_stream_latency_frames of a stream with these options (NULL: the defaults), before there is a model:
 * `model_sample_rate` is that of the one to come, 8000 to 768000 Hz; that of all HTDemucs models is 44100.
 * INVALID_ARGUMENT: a time or a rate is out of range, or the library cannot resample. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_latency_of(const demucs_ort_stream_options* options,
                                                                 int32_t model_sample_rate, size_t* frames);

typedef struct demucs_ort_stream demucs_ort_stream;

/* Starts the stream's thread and runs the model once. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_create(const demucs_ort_model* model,
                                                             const demucs_ort_stream_options* options,
                                                             demucs_ort_stream** stream);
/* Stops a running inference. Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_stream_free(demucs_ort_stream* stream);

/* Takes the next `frames` of the mix, in[channel][frame], planar float32 at the stream's sample rate, and delivers as
 * many of the stems, out[stem][channel][frame]: zeros for the first demucs_ort_stream_latency_frames. `out` may hold
 * buffers of `in`. Thread: owner's, together with render and reset; real-time safe. */
DEMUCS_ORT_EXPORT void demucs_ort_stream_process(demucs_ort_stream* stream, const float* const* in,
                                                 float* const* const* out, size_t frames);
/* The same, but waits for stems that are not ready. RUNTIME_FAILED: the model failed, and those stems were replaced.
 * Thread: owner's; blocks. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_render(demucs_ort_stream* stream, const float* const* in,
                                                             float* const* const* out, size_t frames);
/* process of audio in any layout: in[channel][frame * in_stride] to out[stem][channel][frame * out_stride], as
 * demucs_ort_separate_strided. `out` may hold buffers of `in` if both strides are the same. Thread: owner's; real-time
 * safe. */
DEMUCS_ORT_EXPORT void demucs_ort_stream_process_strided(demucs_ort_stream* stream, const float* const* in,
                                                         size_t in_stride, float* const* const* out, size_t out_stride,
                                                         size_t frames);
/* render of the same. Thread: owner's; blocks. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_render_strided(demucs_ort_stream* stream, const float* const* in,
                                                                     size_t in_stride, float* const* const* out,
                                                                     size_t out_stride, size_t frames);
/* Forgets all that was heard: the next frame is the stream's first. Thread: owner's; real-time safe. */
DEMUCS_ORT_EXPORT void demucs_ort_stream_reset(demucs_ort_stream* stream);

/* From a frame of the mix to its stems; constant. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_stream_latency_frames(const demucs_ort_stream* stream);
/* Hops whose stems were replaced, since creation. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT uint64_t demucs_ort_stream_underruns(const demucs_ort_stream* stream);
/* The share of the time that computing takes: the mean of the last eight windows, divided by hop. More than 1: this
 * machine cannot keep up. 0 before the first window. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT double demucs_ort_stream_load(const demucs_ort_stream* stream);
/* Puts why the last run of the model that failed did so into text[0 .. size), cut to fit; "": none failed.
 * Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_stream_failure(const demucs_ort_stream* stream, char* text, size_t size);
/* How many stems are delivered. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_stream_stem_count(const demucs_ort_stream* stream);
/* The name of a stem, in the order of delivery. It belongs to the stream; NULL: there is no stem of that number.
 * Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT const char* demucs_ort_stream_stem_name(const demucs_ort_stream* stream, size_t index);

#ifdef __cplusplus
}
#endif

#endif
