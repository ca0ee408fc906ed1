/* The same in C: separates a song into a stem file as it goes, then what can go wrong.
 * usage: files_c MODEL SONG TARGET */
#include <demucs_ort/c_api_files.h>
#include <stdio.h>
#include <string.h>

struct host {
  demucs_ort_song* song;
  demucs_ort_stem_writer* writer;
};

static int32_t on_read(void* user_data, size_t first, size_t frames, float* const* channels, size_t* delivered) {
  return demucs_ort_song_read(((struct host*)user_data)->song, first, frames, channels, delivered);
}

static int32_t on_write(void* user_data, size_t first, size_t frames, const float* const* const* stems) {
  return demucs_ort_stem_writer_write(((struct host*)user_data)->writer, first, frames, stems);
}

static void print_sentence(void* user_data, const char* sentence) {
  printf("%s %s\n", (const char*)user_data, sentence);
}

static void expect(const char* name, demucs_ort_status status) {
  printf("%s: %d %s\n", name, (int)status, status == DEMUCS_ORT_OK ? "" : demucs_ort_last_error());
}

static int write_stem_file(struct host* host, const char* model_file, const char* song, const char* target) {
  const char* const names[] = {"vocals", "Voice"};
  const char* stems[4];
  demucs_ort_model* model = NULL;
  demucs_ort_separator* separator = NULL;
  demucs_ort_song_info info;
  demucs_ort_stem_layout layout;
  demucs_ort_stem_writer_options options;
  size_t total = 0;
  size_t measured = 0;
  info.struct_size = sizeof info;
  if (demucs_ort_model_load(model_file, NULL, &model) != DEMUCS_ORT_OK ||
      demucs_ort_separator_create(model, NULL, &separator) != DEMUCS_ORT_OK ||
      demucs_ort_song_open(song, 44100, 2, &host->song) != DEMUCS_ORT_OK ||
      demucs_ort_song_get_info(host->song, &info) != DEMUCS_ORT_OK ||
      demucs_ort_stem_layout_init(&layout, sizeof layout) != DEMUCS_ORT_OK ||
      demucs_ort_stem_writer_options_init(&options, sizeof options) != DEMUCS_ORT_OK) {
    return 1;
  }
  printf("song %d Hz, %zu channels, %llu frames, '%s' by '%s'\n", (int)info.sample_rate, info.channels,
         (unsigned long long)info.frames, demucs_ort_song_tag(host->song, "title"),
         demucs_ort_song_tag(host->song, "artist"));
  layout.stems = stems;
  layout.stem_count = demucs_ort_separator_stem_count(separator);
  for (size_t s = 0; s < layout.stem_count; ++s) stems[s] = demucs_ort_separator_stem_name(separator, s);
  options.format = "stem.mp4";
  options.codec = "alac";
  options.song = song;
  options.stem_names = names;
  options.stem_name_count = 1;
  if (demucs_ort_stem_writer_create(target, &layout, &options, &host->writer) != DEMUCS_ORT_OK ||
      demucs_ort_separate_callbacks(separator, on_read, on_write, NULL, host, NULL, &total) != DEMUCS_ORT_OK ||
      demucs_ort_song_measure(host->song, &measured) != DEMUCS_ORT_OK ||
      demucs_ort_stem_writer_finish(host->writer) != DEMUCS_ORT_OK) {
    return 1;
  }
  printf("frames %d\n", total == measured ? 1 : 0);
  printf("files %d\n", demucs_ort_stem_writer_file(host->writer, 0) != NULL &&
                           strcmp(demucs_ort_stem_writer_file(host->writer, 0), target) == 0 &&
                           demucs_ort_stem_writer_file(host->writer, 1) == NULL);
  if (demucs_ort_song_warnings(host->song, print_sentence, "song's warning") != DEMUCS_ORT_OK) return 1;
  if (demucs_ort_stem_writer_warnings(host->writer, print_sentence, "warning") != DEMUCS_ORT_OK) return 1;
  expect("finished", demucs_ort_stem_writer_finish(host->writer));
  demucs_ort_separator_free(separator);
  demucs_ort_model_free(model);
  return 0;
}

static void fail_in_all_ways(const struct host* host) {
  static float samples[100];
  const float* rows[] = {samples, samples};
  const float* const* stems[] = {rows};
  const float* const* no_stems[] = {NULL};
  const char* names[] = {"a"};
  demucs_ort_song* song = NULL;
  demucs_ort_stem_writer* writer = NULL;
  demucs_ort_stem_layout layout;
  demucs_ort_stem_writer_options options;
  demucs_ort_song_info info;
  size_t got = 0;
  expect("missing song", demucs_ort_song_open("/none.mp3", 44100, 2, &song));
  expect("no path", demucs_ort_song_open(NULL, 44100, 2, &song));
  expect("nowhere to", demucs_ort_song_read(host->song, 0, 1, NULL, &got));
  info.struct_size = 3;
  expect("size", demucs_ort_song_get_info(host->song, &info));
  expect("no take", demucs_ort_song_warnings(host->song, NULL, NULL));
  printf("%s\n", demucs_ort_song_tag(host->song, "none") == NULL ? "no tag" : "a tag");
  expect("layout", demucs_ort_stem_layout_init(&layout, sizeof layout));
  expect("options", demucs_ort_stem_writer_options_init(&options, sizeof options));
  expect("no stems", demucs_ort_stem_writer_create("/proc/x", &layout, NULL, &writer));
  layout.stems = names;
  layout.stem_count = 1;
  expect("unwritable", demucs_ort_stem_writer_create("/proc/x", &layout, &options, &writer));
  options.fold_count = 1;
  expect("half a pair", demucs_ort_stem_writer_create("/proc/x", &layout, &options, &writer));
  options.fold_count = 0;
  options.format = "aiff";
  expect("format", demucs_ort_stem_writer_create("/proc/x", &layout, &options, &writer));
  expect("no writer", demucs_ort_stem_writer_write(NULL, 0, 1, stems));
  if (demucs_ort_stem_writer_create("made", &layout, NULL, &writer) != DEMUCS_ORT_OK) return;
  expect("no channels", demucs_ort_stem_writer_write(writer, 0, 1, no_stems));
  expect("first", demucs_ort_stem_writer_write(writer, 0, 100, stems));
  expect("gap", demucs_ort_stem_writer_write(writer, 101, 1, stems));
  expect("abandoned", demucs_ort_stem_writer_finish(writer));
  demucs_ort_stem_writer_abandon(writer);
  demucs_ort_stem_writer_abandon(NULL);
  demucs_ort_stem_writer_free(writer);
}

int main(int argc, char** argv) {
  struct host host = {NULL, NULL};
  if (argc != 4) return 2;
  demucs_ort_set_up_ffmpeg();
  if (write_stem_file(&host, argv[1], argv[2], argv[3]) != 0) {
    printf("%s\n", demucs_ort_last_error());
    return 1;
  }
  fail_in_all_ways(&host);
  demucs_ort_song_free(host.song);
  demucs_ort_stem_writer_free(host.writer);
  return 0;
}
