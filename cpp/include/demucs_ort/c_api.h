#ifndef DEMUCS_ORT_C_API_H
#define DEMUCS_ORT_C_API_H

/*
 * The library for C, and for every language that can call C. Example:
 *
 *     demucs_ort_model* model = NULL;
 *     demucs_ort_separator* separator = NULL;
 *     demucs_ort_status status = demucs_ort_model_load("htdemucs.onnx", NULL, &model);
 *     if (status == DEMUCS_ORT_OK) status = demucs_ort_separator_create(model, NULL, &separator);
 *     if (status == DEMUCS_ORT_OK) status = demucs_ort_separate(separator, mix, frames, stems, NULL, NULL, NULL);
 *     if (status != DEMUCS_ORT_OK) fputs(demucs_ort_last_error(), stderr);
 *     demucs_ort_separator_free(separator);
 *     demucs_ort_model_free(model);
 *
 * The functions do what the C++ classes of model.hpp, separator.hpp, cancel.hpp and log.hpp do; their documentation
 * holds here, too. No C++ exception leaves the library.
 *
 * - Functions that can fail return a status; demucs_ort_last_error() then has the sentence. A call changes what it
 *   returns through pointers only if it succeeds.
 * - Every handle is freed by the function of its name, in any order: a separator keeps its model, a running call keeps
 *   its cancel handle. Freeing NULL does nothing.
 * - Text and paths are UTF-8, on Windows as well.
 * - Option structs begin with their size, so that old programs work with new libraries and new programs with old ones,
 *   as long as fields that the library does not know are zero. Fill them by their init function, then change fields.
 *   NULL in place of options stands for the defaults.
 * - Buffers are the caller's and must be as large as documented; the library cannot see their size.
 * - Every function states its thread rule. "Thread: any": from any thread at any time; may block. "Thread: owner's":
 * one thread at a time for each handle, and not while it is freed. "Real-time safe": takes no lock, allocates nothing,
 *   makes no system call. A handle is freed when no other thread uses it any more.
 */

#include <stddef.h>
#include <stdint.h>

#include "demucs_ort/export.h"
#include "demucs_ort/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are stable. 1 to 6 and 10 are those of demucs_ort::Status. */
typedef int32_t demucs_ort_status;
enum {
  DEMUCS_ORT_OK = 0,
  DEMUCS_ORT_INVALID_ARGUMENT = 1, /* a parameter is NULL or outside its documented range */
  DEMUCS_ORT_BAD_MODEL = 2,        /* the model file is missing, unreadable, or breaks the model contract */
  DEMUCS_ORT_BAD_AUDIO = 3, /* the track is empty, unreadable, holds NaN or infinity, or changed while it was read */
  DEMUCS_ORT_RUNTIME_MISSING = 4, /* no usable ONNX Runtime library was found */
  DEMUCS_ORT_RUNTIME_FAILED = 5,  /* ONNX Runtime failed, or computed something that is not finite */
  DEMUCS_ORT_CANCELLED = 6,       /* the cancel handle was triggered */
  DEMUCS_ORT_CALLBACK_FAILED = 7, /* a callback of the caller did not return 0 */
  DEMUCS_ORT_OUT_OF_MEMORY = 8,
  DEMUCS_ORT_INTERNAL = 9,      /* a defect of the library */
  DEMUCS_ORT_OUTPUT_FAILED = 10 /* a file cannot be written */
};

/* One sentence about this thread's last call that failed: what, where, what to do. Never NULL; valid until the thread's
 * next call that fails. A call that succeeds does not change it. Thread: any. */
DEMUCS_ORT_EXPORT const char* demucs_ort_last_error(void);

/* Sets this thread's sentence. For libraries and bindings on top of this one that report their own failures by the same
 * function, as c_api_files.h does. NULL: empties it. Thread: any. */
DEMUCS_ORT_EXPORT void demucs_ort_set_last_error(const char* sentence);

/* The library's version, e.g. "0.1.0"; DEMUCS_ORT_VERSION is that of these headers. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT const char* demucs_ort_version(void);

/* The binary interface of these headers. It grows only when programs have to be compiled again: functions and constants
 * stay as they are, and structs get new fields at their end only. */
#define DEMUCS_ORT_ABI_VERSION 1

/* The binary interface of the library at hand. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT uint32_t demucs_ort_abi_version(void);

/* For programs that load the library at run time: call demucs_ort_check_abi(DEMUCS_ORT_ABI_VERSION) first. Fails with
 * INVALID_ARGUMENT, and a sentence, if demucs_ort_abi_version() is another one. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_check_abi(uint32_t abi_version);

/* ------------------------------------------------------------------------------------------------------- cancel */

/* Stops running calls; see demucs_ort::CancelToken. A handle that was requested stays requested. */
typedef struct demucs_ort_cancel demucs_ort_cancel;

/* Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_cancel_create(demucs_ort_cancel** cancel);
/* Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_cancel_free(demucs_ort_cancel* cancel);
/* Asks the calls that were given this handle to stop. NULL: does nothing. Thread: any, but neither a signal handler nor
 * an audio thread. */
DEMUCS_ORT_EXPORT void demucs_ort_cancel_request(const demucs_ort_cancel* cancel);
/* 1 or 0. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT int32_t demucs_ort_cancel_requested(const demucs_ort_cancel* cancel);

/* ---------------------------------------------------------------------------------------------------------- log */

enum {
  DEMUCS_ORT_LOG_OFF = 0,
  DEMUCS_ORT_LOG_ERROR = 1,   /* something failed that no status reports */
  DEMUCS_ORT_LOG_WARNING = 2, /* something works less well than it was meant to */
  DEMUCS_ORT_LOG_INFO = 3,    /* what a bug report needs */
  DEMUCS_ORT_LOG_DEBUG = 4    /* also runs that waited, and what ONNX Runtime tells of loading */
};

/* Takes one message: UTF-8, one sentence without a line end, valid during the call. Runs on any thread, also on the
 * library's own; calls never overlap. What it may do is written at demucs_ort::LogCallback. */
typedef void (*demucs_ort_log_callback)(void* user_data, int32_t level, const char* message);

/* Tells `log` what is as important as `level`; see demucs_ort::set_log. DEMUCS_ORT_LOG_OFF or NULL ends it: when the
 * call returns, the callback before is not running and will not be called again. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_set_log(int32_t level, demucs_ort_log_callback log, void* user_data);

/* -------------------------------------------------------------------------------------------------------- model */

/* A loaded model. It does not change; any number of threads may share it. */
typedef struct demucs_ort_model demucs_ort_model;

/* See demucs_ort::ModelOptions. */
typedef struct demucs_ort_model_options {
  size_t struct_size;
  const char* provider;                /* NULL: "cpu" */
  uint32_t threads;                    /* that compute, at most 1024; 0: demucs_ort_default_threads() */
  const char* onnxruntime_library;     /* path; NULL: found as documented in model.hpp */
  const char* const* provider_options; /* name, value, name, value, ...; NULL: none */
  size_t provider_option_count;        /* pairs */
  uint32_t max_concurrent_runs;        /* inferences at a time, at most 64; 0: by cores and memory_mb; 2 on cuda */
  int32_t low_priority;                /* 1: ONNX Runtime's threads use only the time that others leave */
  uint32_t max_batch;                  /* segments of one inference, at most 64; 0: chosen, 2 on cuda, else 1 */
  size_t memory_mb;                    /* MiB for inferences at a time; 0: a quarter of what the process may have */
  const char* provider_library;        /* path of a library that has `provider`; NULL: ONNX Runtime has it */
  const demucs_ort_cancel* cancel;     /* stops loading, which then fails with CANCELLED; NULL: nothing stops it */
} demucs_ort_model_options;

/* The threads that `threads` 0 stands for: one for each core that this process may use. Thread: any. */
DEMUCS_ORT_EXPORT uint32_t demucs_ort_default_threads(void);

/* Calls `take` once for each provider that `provider_library` and the ONNX Runtime library offer, with the name that
 * `provider` takes. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_available_providers(const demucs_ort_model_options* options,
                                                                   void (*take)(void* user_data, const char* name),
                                                                   void* user_data);

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_model_options). Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_options_init(demucs_ort_model_options* options,
                                                                  size_t struct_size);

/* Loads and checks an .onnx or .ort file, or the .json file of a bag. Blocks. Can fail with BAD_MODEL,
 * INVALID_ARGUMENT, RUNTIME_MISSING, RUNTIME_FAILED, CANCELLED. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_load(const char* path, const demucs_ort_model_options* options,
                                                          demucs_ort_model** model);
/* The same from `size` bytes in memory, which may be freed after the call. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_load_memory(const void* data, size_t size,
                                                                 const demucs_ort_model_options* options,
                                                                 demucs_ort_model** model);
/* Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_model_free(demucs_ort_model* model);

/* See demucs_ort::ModelInfo. The pointers belong to the model and are valid until it is freed. */
typedef struct demucs_ort_model_info {
  size_t struct_size;
  const char* name;
  const char* const* sources; /* what the model separates, in the order of its output */
  size_t source_count;
  size_t channels;       /* of the mix and of every stem */
  size_t segment_frames; /* frames the model hears at a time */
  int32_t sample_rate;   /* Hz */
  int32_t trained;       /* 0: seeded weights for tests, the output is no separation */
  const char* precision;
  const char* weights_sha256;
  const char* demucs_version;
  const char* description;     /* "": nothing special */
  const char* provider;        /* what computes; for a bag that had loaded no member yet: the one asked for */
  const char* runtime_version; /* of the ONNX Runtime library in use */
  const char* const* members;  /* files of a bag of models; NULL for a single model */
  size_t member_count;
  uint32_t max_concurrent_runs; /* inferences at a time */
  uint32_t max_batch;           /* segments of one inference */
  uint32_t threads;             /* that all inferences share */
} demucs_ort_model_info;

/* Set info->struct_size to sizeof(demucs_ort_model_info) before the call; the rest is filled in. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_get_info(const demucs_ort_model* model,
                                                              demucs_ort_model_info* info);

/* With "auto": calls `take` once for each provider that was tried before the one that computes, with a sentence that
 * says why it does not. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_rejected_providers(
    const demucs_ort_model* model, void (*take)(void* user_data, const char* sentence), void* user_data);

/* Loads the members of a bag that the wanted sources need, which otherwise the first run does. `wanted`: a flag, 0 or
 * 1, for each of the model's sources; NULL: all of them. `cancel` stops it; it may be NULL. Blocks. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_prepare(const demucs_ort_model* model, const uint8_t* wanted,
                                                             size_t wanted_count, const demucs_ort_cancel* cancel);

/* See demucs_ort::MemoryEstimate. In bytes. */
typedef struct demucs_ort_memory_estimate {
  size_t struct_size;
  uint64_t loaded;  /* the weights and what belongs to them */
  uint64_t per_run; /* one inference */
  uint64_t total;   /* the model with as many inferences at a time as it runs */
} demucs_ort_memory_estimate;

/* What the model takes of memory. Set memory->struct_size to sizeof(demucs_ort_memory_estimate) before the call; the
 * rest is filled in. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_memory_estimate(const demucs_ort_model* model,
                                                                     demucs_ort_memory_estimate* memory);

enum { DEMUCS_ORT_PRIORITY_BACKGROUND = -1, DEMUCS_ORT_PRIORITY_NORMAL = 0, DEMUCS_ORT_PRIORITY_FOREGROUND = 1 };

/* See demucs_ort::RunOptions. What it points to is only needed during demucs_ort_model_run. */
typedef struct demucs_ort_run_options {
  size_t struct_size;
  const demucs_ort_cancel* cancel; /* NULL: the run cannot be stopped */
  const uint8_t* wanted;           /* a flag for each of the model's sources, the others are undefined; NULL: all */
  size_t wanted_count;
  int32_t priority; /* among the callers that wait for the model; DEMUCS_ORT_PRIORITY_... */
} demucs_ort_run_options;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_run_options). Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_run_options_init(demucs_ort_run_options* options, size_t struct_size);

/* Runs the model on `batch` segments, in inferences of at most max_batch, without normalisation and overlap-add; most
 * callers want a separator.
 * mix: [batch][channels][segment_frames], stems: [batch][sources][channels][segment_frames]. `options` may be NULL.
 * Blocks. Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_model_run(const demucs_ort_model* model, const float* mix, size_t batch,
                                                         float* stems, const demucs_ort_run_options* options);

/* ---------------------------------------------------------------------------------------------------- separator */

/* Separates whole tracks. Use one for each thread; any number of them share a model. */
typedef struct demucs_ort_separator demucs_ort_separator;

enum {
  DEMUCS_ORT_OTHER_ADD = 0,  /* "no_<stem>" is the sum of all other stems */
  DEMUCS_ORT_OTHER_MINUS = 1 /* "no_<stem>" is the mix minus the stem */
};

/* See demucs_ort::SeparatorOptions. What it points to is only needed during demucs_ort_separator_create. */
typedef struct demucs_ort_separator_options {
  size_t struct_size;
  double overlap;              /* share of a segment that the next one covers again, in [0, 1); default 0.25 */
  uint32_t shifts;             /* average this many shifted passes, at most 1000; 0: one unshifted pass */
  uint32_t seed;               /* draws the shift offsets */
  const size_t* shift_offsets; /* instead of shifts and seed: the offsets, each in [0, sample_rate / 2] frames */
  size_t shift_offset_count;
  const char* const* stems; /* which to deliver, in this order; NULL: all of the model's */
  size_t stem_count;
  const char* two_stems;   /* not NULL: deliver that stem and "no_<stem>"; excludes stems */
  int32_t other_method;    /* for two_stems; DEMUCS_ORT_OTHER_... */
  const char* residual_to; /* not NULL: this delivered stem takes all that the model's other stems leave of the mix */
  int32_t priority;        /* among the separations that wait for the model; DEMUCS_ORT_PRIORITY_... */
  int32_t sample_rate;     /* of mix and stems, 8000 to 192000 Hz; 0: the model's */
} demucs_ort_separator_options;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_separator_options). Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separator_options_init(demucs_ort_separator_options* options,
                                                                      size_t struct_size);

/* Thread: any. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separator_create(const demucs_ort_model* model,
                                                                const demucs_ort_separator_options* options,
                                                                demucs_ort_separator** separator);
/* Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_separator_free(demucs_ort_separator* separator);

/* How many stems are delivered. Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT size_t demucs_ort_separator_stem_count(const demucs_ort_separator* separator);
/* The name of a stem, in the order of delivery. It belongs to the separator; NULL: there is no stem of that number.
 * Thread: any; real-time safe. */
DEMUCS_ORT_EXPORT const char* demucs_ort_separator_stem_name(const demucs_ort_separator* separator, size_t index);
/* See demucs_ort::Separator::model_seconds. NULL: 0. Thread: owner's. */
DEMUCS_ORT_EXPORT double demucs_ort_separator_model_seconds(const demucs_ort_separator* separator);

enum { DEMUCS_ORT_STAGE_MEASURING = 0, DEMUCS_ORT_STAGE_SEPARATING = 1 };

/* Callbacks run on the thread that called and get its `user_data`. They return 0 to go on; anything else stops the
 * call, which then returns CALLBACK_FAILED. No exception may leave them. */

/* Is told the `fraction` of the separation that is done, 0 to 1, never decreasing, before the first and after every
 * segment. */
typedef int32_t (*demucs_ort_progress_callback)(void* user_data, int32_t stage, double fraction);

/* Puts frames [first, first + frames) of the track into channels[channel][0 .. frames) and into *delivered how many
 * there were: fewer only at the end of the track. Walks the track twice from its start, without gaps. */
typedef int32_t (*demucs_ort_read_callback)(void* user_data, size_t first, size_t frames, float* const* channels,
                                            size_t* delivered);

/* Takes finished frames [first, first + frames) as stems[stem][channel][0 .. frames), in order and without gaps. */
typedef int32_t (*demucs_ort_write_callback)(void* user_data, size_t first, size_t frames,
                                             const float* const* const* stems);

/* A whole track in memory, planar float32: mix[channel][frame] to stems[stem][channel][frame]. `progress`, `user_data`
 * and `cancel` may be NULL. Blocks. The separator stays usable after any failure. Thread: owner's. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separate(demucs_ort_separator* separator, const float* const* mix,
                                                        size_t frames, float* const* const* stems,
                                                        demucs_ort_progress_callback progress, void* user_data,
                                                        const demucs_ort_cancel* cancel);

/* The same of audio in any layout: mix[channel][frame * mix_stride] to stems[stem][channel][frame * stems_stride]. A
 * stride of 1 is planar; interleaved audio has the number of its channels as stride, and channel pointers to the first
 * sample of each. Thread: owner's. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separate_strided(demucs_ort_separator* separator,
                                                                const float* const* mix, size_t mix_stride,
                                                                size_t frames, float* const* const* stems,
                                                                size_t stems_stride,
                                                                demucs_ort_progress_callback progress, void* user_data,
                                                                const demucs_ort_cancel* cancel);

/* The same through callbacks, so that memory does not grow with the length of the track. `frames` receives the track's
 * length; it may be NULL. Thread: owner's. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separate_callbacks(
    demucs_ort_separator* separator, demucs_ort_read_callback read, demucs_ort_write_callback write,
    demucs_ort_progress_callback progress, void* user_data, const demucs_ort_cancel* cancel, size_t* frames);

/* For hosts that hand a track over piece by piece and cannot be called back: begin, push ..., finish. The stems are
 * those of demucs_ort_separate. See demucs_ort::Separator. */

/* Starts a track, kept in a file in `spill_folder` (UTF-8; NULL: the system's folder for temporary files).
 * Thread: owner's, no audio thread. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separator_begin(demucs_ort_separator* separator,
                                                               const char* spill_folder);
/* Appends frames mix[channel][frame * stride]; stride 1 is planar, the number of channels interleaved. If it fails, the
 * track is forgotten. Thread: owner's, no audio thread. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separator_push(demucs_ort_separator* separator, const float* const* mix,
                                                              size_t frames, size_t stride);
/* Separates what was pushed, and forgets it unless it fails. `progress`, `user_data`, `cancel` and `frames` may be
 * NULL. Blocks. Thread: owner's. */
DEMUCS_ORT_EXPORT demucs_ort_status demucs_ort_separator_finish(demucs_ort_separator* separator,
                                                                demucs_ort_write_callback write,
                                                                demucs_ort_progress_callback progress, void* user_data,
                                                                const demucs_ort_cancel* cancel, size_t* frames);
/* Forgets what was pushed. NULL: does nothing. Thread: owner's. */
DEMUCS_ORT_EXPORT void demucs_ort_separator_abandon(demucs_ort_separator* separator);

#ifdef __cplusplus
}
#endif

#endif
