#ifndef DEMUCS_ORT_C_API_FILES_H
#define DEMUCS_ORT_C_API_FILES_H

/*
 * Songs from files, and stems into files, for C: the component `files` (see files.hpp, whose documentation holds here,
 * too). The rules are those of c_api.h, and so is demucs_ort_last_error(). Example, with stems[stem][channel][frame] in
 * memory:
 *
 *     const char* const names[] = {"drums", "bass", "other", "vocals"};
 *     demucs_ort_stem_layout layout;
 *     demucs_ort_stem_writer_options options;
 *     demucs_ort_stem_writer* writer = NULL;
 *     demucs_ort_status status = demucs_ort_stem_layout_init(&layout, sizeof layout);
 *     if (status == DEMUCS_ORT_OK) status = demucs_ort_stem_writer_options_init(&options, sizeof options);
 *     layout.stems = names;
 *     layout.stem_count = 4;
 *     options.format = "stem.mp4";
 *     options.song = "song.mp3";
 *     if (status == DEMUCS_ORT_OK) status = demucs_ort_stem_writer_create("song.stem.mp4", &layout, &options, &writer);
 *     if (status == DEMUCS_ORT_OK) {
 *       status = demucs_ort_stem_writer_write(writer, 0, frames, (const float* const* const*)stems);
 *     }
 *     if (status == DEMUCS_ORT_OK) status = demucs_ort_stem_writer_finish(writer);
 *     if (status != DEMUCS_ORT_OK) fputs(demucs_ort_last_error(), stderr);
 *     demucs_ort_stem_writer_free(writer);
 *
 * demucs_ort_song_read and demucs_ort_stem_writer_write are called from a host's own callbacks of
 * demucs_ort_separate_callbacks, which hand on what they return.
 */

#include <stddef.h>
#include <stdint.h>

#include "demucs_ort/c_api.h"
#include "demucs_ort/export_files.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps FFmpeg from printing and from taking more than 256 MB at once, in this whole process. See
 * demucs_ort::set_up_ffmpeg. Thread: any. */
DEMUCS_ORT_FILES_EXPORT void demucs_ort_set_up_ffmpeg(void);

/* --------------------------------------------------------------------------------------------------------- song */

/* Decodes any file that FFmpeg reads; see demucs_ort::Song. */
typedef struct demucs_ort_song demucs_ort_song;

/* sample_rate, in Hz, and channels: of the frames that are read; 44100 and 2 are what models take. Can fail with
 * BAD_AUDIO, INVALID_ARGUMENT. Thread: any. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_song_open(const char* path, int32_t sample_rate, size_t channels,
                                                               demucs_ort_song** song);
/* Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT void demucs_ort_song_free(demucs_ort_song* song);

/* See demucs_ort::SongInfo. */
typedef struct demucs_ort_song_info {
  size_t struct_size;
  uint64_t frames;     /* at the file's own rate; 0: the file does not tell; exact once the song was read to its end */
  size_t channels;     /* the file's own */
  int32_t sample_rate; /* the file's own, Hz */
} demucs_ort_song_info;

/* Set info->struct_size to sizeof(demucs_ort_song_info) before the call; the rest is filled in. Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_song_get_info(const demucs_ort_song* song,
                                                                   demucs_ort_song_info* info);
/* The text of a tag such as "title" or "artist"; it belongs to the song. NULL: the song has none of that name.
 * Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT const char* demucs_ort_song_tag(const demucs_ort_song* song, const char* name);
/* Puts frames [first, first + frames) into channels[channel][0 .. frames) and into *delivered how many there were:
 * fewer only at the end. Thread: owner's, no audio thread. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_song_read(demucs_ort_song* song, size_t first, size_t frames,
                                                               float* const* channels, size_t* delivered);
/* Decodes to the end, unless that has happened, for the exact number of frames at the rate that was asked for. Blocks.
 * Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_song_measure(demucs_ort_song* song, size_t* frames);
/* Calls `take` once for each sentence that a person should know of the file. Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_song_warnings(const demucs_ort_song* song,
                                                                   void (*take)(void* user_data, const char* sentence),
                                                                   void* user_data);

/* --------------------------------------------------------------------------------------------------- stem writer */

/* Writes stems into files; see demucs_ort::StemWriter. */
typedef struct demucs_ort_stem_writer demucs_ort_stem_writer;

/* See demucs_ort::StemLayout. What it points to is only needed during demucs_ort_stem_writer_create. */
typedef struct demucs_ort_stem_layout {
  size_t struct_size;
  const char* const* stems; /* names, in the order of the buffers */
  size_t stem_count;
  size_t channels;     /* 1 or 2, default 2 */
  uint64_t frames;     /* that will be written; 0: as many as the song has, or as many as come */
  int32_t sample_rate; /* of the buffers, default 44100 Hz */
} demucs_ort_stem_layout;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_stem_layout). Thread: any. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_stem_layout_init(demucs_ort_stem_layout* layout,
                                                                      size_t struct_size);

/* See demucs_ort::StemWriterOptions. What it points to is only needed during demucs_ort_stem_writer_create. */
typedef struct demucs_ort_stem_writer_options {
  size_t struct_size;
  const char* format;             /* "wav" (also NULL), "flac", "mp3", "m4a", "ogg", "stem.mp4" */
  const char* codec;              /* of m4a and stem.mp4: "aac" (also NULL) or "alac" */
  const char* bit_depth;          /* "16", "24", "32f"; NULL: the format's default */
  const char* clip_mode;          /* "none" (also NULL), "rescale", "clamp" */
  const char* file_name;          /* a pattern of {stem}, {ext} and, of a song, {track}; NULL: "{stem}.{ext}" */
  const char* song;               /* path of the song whose stems these are; NULL: none */
  const char* const* stem_names;  /* of a stem file: place, name, place, name, ... as "drums", "Kit"; NULL: none */
  size_t stem_name_count;         /* pairs */
  const char* const* stem_colors; /* place, "#RRGGBB", ... */
  size_t stem_color_count;        /* pairs */
  const char* const* fold;        /* stem, place, ... */
  size_t fold_count;              /* pairs */
  uint32_t bitrate;               /* kbit/s; 0: the format's default */
  int32_t sample_rate;            /* of the files, Hz; 0: the song's, or without a song that of the buffers */
  int32_t preserve_mix;           /* 1: copy the song's packets, if they can be copied */
  int32_t sum_mix;                /* 1: the mix is the sum of the stems, as it is without a song */
} demucs_ort_stem_writer_options;

/* Fills in the defaults. `struct_size`: sizeof(demucs_ort_stem_writer_options). Thread: any. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_stem_writer_options_init(demucs_ort_stem_writer_options* options,
                                                                              size_t struct_size);

/* target: the folder for the files, or the stem file, whose name ends in ".stem.mp4". `options` may be NULL. Decodes
 * the song, if there is one. Can fail with INVALID_ARGUMENT, BAD_AUDIO, OUTPUT_FAILED. Thread: any. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_stem_writer_create(const char* target,
                                                                        const demucs_ort_stem_layout* layout,
                                                                        const demucs_ort_stem_writer_options* options,
                                                                        demucs_ort_stem_writer** writer);
/* Abandons what was not finished. Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT void demucs_ort_stem_writer_free(demucs_ort_stem_writer* writer);
/* Takes frames [first, first + frames) as stems[stem][channel][0 .. frames). If it fails, the writer is abandoned,
 * except that a NULL pointer is only refused.
 * Thread: owner's, no audio thread. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_stem_writer_write(demucs_ort_stem_writer* writer, size_t first,
                                                                       size_t frames, const float* const* const* stems);
/* Completes the files and gives them their names. If it fails, the writer is abandoned. Blocks. Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_stem_writer_finish(demucs_ort_stem_writer* writer);
/* Removes what was written; after demucs_ort_stem_writer_finish it does nothing. NULL: does nothing. Thread: owner's.
 */
DEMUCS_ORT_FILES_EXPORT void demucs_ort_stem_writer_abandon(demucs_ort_stem_writer* writer);
/* After demucs_ort_stem_writer_finish: the path of a file. It belongs to the writer; NULL: there is no file of that
 * number. Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT const char* demucs_ort_stem_writer_file(const demucs_ort_stem_writer* writer, size_t index);
/* Calls `take` once for each sentence that a person should know of what was written. Thread: owner's. */
DEMUCS_ORT_FILES_EXPORT demucs_ort_status demucs_ort_stem_writer_warnings(
    const demucs_ort_stem_writer* writer, void (*take)(void* user_data, const char* sentence), void* user_data);

#ifdef __cplusplus
}
#endif

#endif
