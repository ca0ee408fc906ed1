#pragma once

/// Songs from files, and stems into files: the component `files`, which is there if the library was built where FFmpeg
/// is (CMake: `find_package(demucs_ort COMPONENTS files)`, target `demucs_ort::files`; pkg-config: `demucs_ort_files`).
/// Example (`separator` as in separator.hpp):
///
///     demucs_ort::Song song("song.mp3");                            // as the model takes it: 44.1 kHz, stereo
///     demucs_ort::StemWriterOptions options;
///     options.format = "stem.mp4";
///     options.song = "song.mp3";                                    // for tags, cover and mix
///     demucs_ort::StemWriter writer("song.stem.mp4", {separator.stems()}, options);
///     separator.separate(song.as_read(), writer.as_write());
///     writer.finish();                                              // only now the file is there
///
/// docs/files.md describes the formats, stem files, levels and tags: the files are those of demucs_ort_cli.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "demucs_ort/export_files.h"
#include "demucs_ort/separator.hpp"

namespace demucs_ort {

/// Keeps FFmpeg from printing to standard error, and from taking more than 256 MB at once for what a damaged or hostile
/// file states. Both are settings of the whole process, so the library leaves them alone unless you call this: once, at
/// the program's start, if the program does not use FFmpeg by itself. Thread: any.
DEMUCS_ORT_FILES_EXPORT void set_up_ffmpeg() noexcept;

/// What a file says of its song.
struct SongInfo {
  int sample_rate = 0;       ///< the file's own, Hz
  std::size_t channels = 0;  ///< the file's own
  /// At the file's own rate. 0: the file does not tell. Some files are wrong by some frames; exact once the song was
  /// read to its end.
  std::uint64_t frames = 0;
  /// Text tags: "title", "artist", "album", "album_artist", "genre", "date", "bpm", "initialkey", "isrc", "comment",
  /// ...
  std::map<std::string, std::string> tags;
};

/// Decodes the first audio stream of any file that FFmpeg reads, resampled and mixed to the rate and the channels that
/// you ask for. Mono goes to all channels unchanged; more channels are mixed down so that full scale stays full scale.
/// Delay and padding that the file declares are removed.
class DEMUCS_ORT_FILES_EXPORT Song {
 public:
  /// sample_rate: of the frames that `read` gives, 8000 to 192000 Hz. channels: 1 to 8. Throws `Error`: bad_audio
  /// (there is no such file, or it holds no audio that FFmpeg decodes), invalid_argument.
  explicit Song(const std::filesystem::path& file, int sample_rate = 44'100, std::size_t channels = 2);
  Song(Song&&) noexcept;
  Song& operator=(Song&&) noexcept;
  ~Song();

  /// Thread: owner's.
  const SongInfo& info() const noexcept;
  /// Puts frames [first, first + frames) into `channels[channel][0 .. frames)`, planar float32 at the rate that was
  /// asked for. Returns how many there were: fewer only at the end. Fast where the last read ended and from frame 0;
  /// everything else is decoded up to `first` before. Throws `Error` bad_audio.
  /// Thread: owner's; decodes, so no audio thread.
  std::size_t read(std::size_t first, std::size_t frames, float* const* channels);
  /// Decodes to the end, unless that has happened, and returns the exact number of frames at the rate that was asked
  /// for. Throws `Error` bad_audio. Thread: owner's; blocks.
  std::size_t measure();
  /// `read`, for `Separator::separate`, which goes through the song from its start. A `Deck` jumps: read the song into
  /// memory for it. The song must outlive the function.
  /// Thread: owner's; so is the function.
  Read as_read();
  /// What a person should know of the file, a sentence each: damaged packets, further audio streams. Complete once the
  /// song was read to its end. Thread: owner's.
  std::vector<std::string> warnings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a StemWriter is handed.
struct StemLayout {
  std::vector<std::string> stems;  ///< names, in the order of the buffers
  int sample_rate = 44'100;        ///< of the buffers, 8000 to 192000 Hz
  std::size_t channels = 2;        ///< 1 or 2; a stem file needs 2
  /// How many frames will be written. 0: as many as the song has, or, without a song, as many as come. A WAV file whose
  /// length is not known beforehand has room for a header of RF64, in which it can grow beyond 4 GB.
  std::uint64_t frames = 0;
};

/// How stems are written; what is empty, 0 or false is left to the defaults of docs/files.md.
struct StemWriterOptions {
  std::string format = "wav";  ///< a file for each stem: "wav", "flac", "mp3", "m4a", "ogg"; one stem file: "stem.mp4"
  std::string codec;           ///< of m4a and stem.mp4: "aac" (default) or "alac"
  std::string bit_depth;       ///< of what is lossless: "16", "24" or, for wav, "32f"
  unsigned bitrate = 0;        ///< kbit/s, of mp3, aac and ogg
  int sample_rate = 0;         ///< of the files, Hz; 0: the song's, or without a song that of the buffers
  std::string clip_mode;       ///< samples beyond full scale: "none" (default), "rescale", "clamp"
  /// Of a file for each stem: a pattern of {stem}, {ext} and, of a song, {track}. Empty: "{stem}.{ext}".
  std::string file_name;
  /// The file whose stems these are; empty: none. Its tags and its cover are copied, it gives the files' rate, and it
  /// is the mix of a stem file. It is decoded once by the constructor.
  std::filesystem::path song;
  // Of a stem file. A stem that is not drums, bass, other or vocals is added to the one that `fold` names, else to
  // other: {"guitar", "vocals"}.
  std::map<std::string, std::string> stem_names;   ///< {"drums", "Kit"}
  std::map<std::string, std::string> stem_colors;  ///< {"drums", "#009E73"}
  std::map<std::string, std::string> fold;
  bool preserve_mix = false;  ///< copies the song's packets, if they can be copied, instead of encoding the mix again
  bool sum_mix = false;       ///< the mix is the sum of the stems, as it is without a song
};

/// Writes stems into files, from a running separation, from a finished deck or from buffers. The files are written
/// aside, on threads of their own, and get their names together when all are complete. Until `finish` has returned,
/// after a failure and without it, nothing is seen of them. After any failure the writer is abandoned.
class DEMUCS_ORT_FILES_EXPORT StemWriter {
 public:
  /// target: the folder for the files, or the stem file, whose name ends in ".stem.mp4". Folders are made. Throws
  /// `Error`: invalid_argument (options that mean nothing or do not go together, stems that make no stem file, a file
  /// that would overwrite the song), bad_audio (the song cannot be read, or as the mix has another length than
  /// `layout.frames`), output_failed (nothing can be written there). Decodes the song, if there is one.
  StemWriter(const std::filesystem::path& target, const StemLayout& layout, const StemWriterOptions& options = {});
  StemWriter(StemWriter&&) noexcept;
  StemWriter& operator=(StemWriter&&) noexcept;
  /// Abandons what was not finished.
  ~StemWriter();

  /// Takes frames [first, first + frames) as `stems[stem][channel][0 .. frames)`, in the order of the layout. Waits
  /// while the encoders are behind. Throws `Error`: invalid_argument (`first` is not where the last call ended, more
  /// frames than there should be, or the writer was finished or abandoned), bad_audio (NaN or infinity; the song cannot
  /// be read), output_failed. Thread: owner's, no audio thread.
  void write(std::size_t first, std::size_t frames, const float* const* const* stems);
  /// `write`, for `Separator::separate` and `Separator::finish`. The writer must outlive it.
  /// Thread: owner's; so is the function.
  Write as_write();
  /// Completes the files, gives them their names and returns them. Files of these names are replaced. Throws what
  /// `write` throws; invalid_argument also if frames are missing, bad_audio if there were none.
  /// Thread: owner's; blocks.
  std::vector<std::filesystem::path> finish();
  /// Removes what was written. After `finish` it does nothing.
  /// Thread: owner's; blocks until the encoders have stopped.
  void abandon() noexcept;
  /// What a person should know, a sentence each: samples beyond full scale, a mix that was encoded again. Complete
  /// after `finish`. Thread: owner's.
  std::vector<std::string> warnings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace demucs_ort
