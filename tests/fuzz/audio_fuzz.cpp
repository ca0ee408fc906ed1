// Any bytes as a song. FFmpeg's own code is not instrumented, but runs with the checked allocator.
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <vector>

#include "common/exit_error.hpp"
#include "common/ffmpeg_setup.hpp"
#include "input.hpp"
#include "read/audio_reader.hpp"

namespace {

constexpr std::size_t block = 20'000;
constexpr std::size_t max_frames = 2'000'000;  // only to be quick

class SongFile {
 public:
  SongFile() : path_(std::filesystem::temp_directory_path() / ("demucs_ort_fuzz-song-" + std::to_string(getpid()))) {
    set_up_ffmpeg();
  }
  SongFile(const SongFile&) = delete;
  SongFile& operator=(const SongFile&) = delete;
  ~SongFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Reads to the end; returns the frames.
std::size_t read_all(AudioReader& reader) {
  static std::array<std::vector<float>, 2> buffers{std::vector<float>(block), std::vector<float>(block)};
  const std::array<float*, 2> channels{buffers[0].data(), buffers[1].data()};
  std::size_t frames = 0;
  for (std::size_t got = block; got == block && frames < max_frames; frames += got) {
    got = reader.read(frames, block, channels.data());
    expect(got <= block, "more frames than asked for");
  }
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SongFile file;
  std::ofstream(file.path(), std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    AudioReader reader(file.path(), 44100, 2);
    const std::size_t frames = read_all(reader);
    if (frames >= max_frames) return 0;
    expect(frames == 0 || reader.found().rate > 0, "frames without a rate");
    expect(read_all(reader) == frames, "another length at the second pass");
    for (const auto& warning : reader.warnings()) expect(warning.size() > 10, "a warning that says nothing");
  } catch (const ExitError& failure) {
    expect(failure.code() == exit_input, "a failure that does not blame the song");
  }
  return 0;
}
