// What a host does with songs and stem files, and all that can go wrong.
// usage: files_cpp running MODEL SONG TARGET FORMAT   a running separation, written as it goes
//        files_cpp buffers MODEL SONG TARGET          stems in memory into a stem file
//        files_cpp edges SONG FOLDER                  reads out of order, a rate and channels of the host's choice
//        files_cpp errors SONG FOLDER                 every error, a line each; FOLDER stays empty
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <demucs_ort/demucs_ort.hpp>
#include <demucs_ort/files.hpp>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

// Names that the library uses inside, too.
struct Stage {
  void write() {}
};
struct Tags {
  int text = 0;
};

namespace {

namespace fs = std::filesystem;
using demucs_ort::Song;
using demucs_ort::StemLayout;
using demucs_ort::StemWriter;
using demucs_ort::StemWriterOptions;

/// Stems in memory, [stem][channel][frame].
struct Buffers {
  Buffers(std::size_t stem_count, std::size_t channels, std::size_t frame_count)
      : samples(stem_count * channels, std::vector<float>(frame_count)), frames(frame_count) {
    for (auto& row : samples) rows.push_back(row.data());
    for (std::size_t s = 0; s < stem_count; ++s) stems.push_back(rows.data() + s * channels);
  }
  /// From frame `first` on.
  const float* const* const* from(std::size_t first) {
    const_rows.clear();
    const_stems.clear();
    for (auto& row : samples) const_rows.push_back(row.data() + first);
    for (std::size_t s = 0; s < stems.size(); ++s) {
      const_stems.push_back(const_rows.data() + s * (samples.size() / stems.size()));
    }
    return const_stems.data();
  }
  std::vector<std::vector<float>> samples;
  std::size_t frames;
  std::vector<float*> rows;
  std::vector<float* const*> stems;
  std::vector<const float*> const_rows;
  std::vector<const float* const*> const_stems;
};

void print_result(StemWriter& writer) {
  for (const auto& file : writer.finish()) std::printf("file %s\n", file.filename().string().c_str());
  for (const auto& sentence : writer.warnings()) std::printf("warning %s\n", sentence.c_str());
  writer.abandon();  // does nothing
}

void separate_as_it_runs(const std::string& model, const std::string& file, const std::string& target,
                         const std::string& format) {
  demucs_ort::Separator separator(demucs_ort::Model::load(model));
  Song song(file);
  const auto& info = song.info();
  std::printf("song %d Hz, %zu channels, %llu frames, '%s' by '%s'\n", info.sample_rate, info.channels,
              static_cast<unsigned long long>(info.frames), info.tags.at("title").c_str(),
              info.tags.at("artist").c_str());
  StemWriterOptions options;
  options.format = format;
  options.song = file;
  StemWriter writer(target, {separator.stems()}, options);
  const std::size_t frames = separator.separate(song.as_read(), writer.as_write());
  std::printf("frames %d\n", frames == song.measure() ? 1 : 0);
  print_result(writer);
}

void separate_in_memory(const std::string& model, const std::string& file, const std::string& target) {
  demucs_ort::Separator separator(demucs_ort::Model::load(model));
  Song song(file);
  Buffers mix(1, 2, song.measure());
  song.read(0, mix.frames, mix.rows.data());
  Buffers out(separator.stems().size(), 2, mix.frames);
  separator.separate(mix.rows.data(), mix.frames, out.stems.data());
  StemLayout layout;
  layout.stems = separator.stems();
  layout.frames = mix.frames;
  StemWriterOptions options;
  options.format = "stem.mp4";
  options.codec = "alac";
  options.song = file;
  options.stem_names = {{"vocals", "Voice"}};
  StemWriter writer(target, layout, options);
  constexpr std::size_t block = 5000;
  for (std::size_t first = 0; first < mix.frames; first += block) {
    writer.write(first, std::min(block, mix.frames - first), out.from(first));
  }
  print_result(writer);
}

void read_out_of_order(const std::string& file, const std::string& folder) {
  Song song(file, 48'000, 1);
  Buffers all(1, 1, song.measure());
  std::printf("frames %zu\n", all.frames);
  song.read(0, all.frames, all.rows.data());
  Buffers part(1, 1, 700);
  for (const std::size_t first : {std::size_t{70'000}, std::size_t{5000}, std::size_t{9000}, all.frames - 300}) {
    const std::size_t got = song.read(first, part.frames, part.rows.data());
    bool same = got == std::min(part.frames, all.frames - first);
    for (std::size_t i = 0; i < got; ++i) same = same && part.rows[0][i] == all.rows[0][first + i];
    std::printf("%s\n", same ? "same" : "other samples");
  }
  std::printf("%zu beyond the end\n", song.read(all.frames + 10, 5, part.rows.data()));
  // Without a song: stems at the host's rate, of a length that nobody knows beforehand, written at another rate.
  StemWriterOptions options;
  options.format = "flac";
  options.sample_rate = 32'000;
  Buffers out(2, 1, 1000);
  StemLayout layout;
  layout.stems = {"loud", "quiet"};
  layout.sample_rate = 48'000;
  layout.channels = 1;
  StemWriter writer(folder, layout, options);
  for (std::size_t first = 0; first < 30'000; first += 1000) {
    for (std::size_t i = 0; i < 1000; ++i) {
      out.rows[0][i] = 0.5F * std::sin(0.05F * static_cast<float>(first + i));
      out.rows[1][i] = out.rows[0][i] / 4;
    }
    writer.write(first, 1000, out.from(0));
  }
  print_result(writer);
}

void expect_error(const char* name, const std::function<void()>& work) {
  try {
    work();
    std::printf("%s: no error\n", name);
  } catch (const demucs_ort::Error& error) {
    std::printf("%s: %d %s\n", name, static_cast<int>(error.status()), error.what());
  }
}

void expect_errors_of_songs(const std::string& file, const fs::path& folder) {
  expect_error("missing song", [&] { Song(folder / "none.mp3"); });
  expect_error("folder as song", [&] { Song{folder}; });
  expect_error("no song", [&] { Song{fs::path(__FILE__)}; });
  expect_error("song at 0 Hz", [&] { Song(file, 0); });
  expect_error("song of 9 channels", [&] { Song(file, 44'100, 9); });
}

void expect_errors_of_writers(const std::string& file, const fs::path& folder) {
  const std::vector<std::string> four{"drums", "bass", "other", "vocals"};
  const auto refused = [&](const char* name, const fs::path& target, const StemLayout& layout,
                           const StemWriterOptions& options) {
    expect_error(name, [&] { StemWriter(target, layout, options); });
  };
  StemWriterOptions options;
  options.format = "stem.mp4";
  refused("stems without a place", folder / "a.stem.mp4", {{"drums", "bass"}}, options);
  refused("mono stem file", folder / "a.stem.mp4", {four, 44'100, 1}, options);
  refused("name of a stem file", folder / "a.mp4", {four}, options);
  options.preserve_mix = true;
  refused("mix to preserve", folder / "a.stem.mp4", {four}, options);
  options.song = file;
  options.sum_mix = true;
  refused("two mixes", folder / "a.stem.mp4", {four}, options);
  options.preserve_mix = options.sum_mix = false;
  refused("length of the mix", folder / "a.stem.mp4", {four, 44'100, 2, 123}, options);
  options.song = folder / "none.mp3";
  refused("missing song of stems", folder / "new/a.stem.mp4", {four}, options);
  options = {};
  options.format = "aiff";
  refused("format", folder, {four}, options);
  options.format = "flac";
  options.sum_mix = true;
  refused("mix of files", folder, {four}, options);
  options.sum_mix = false;
  options.bitrate = 4'000'000'000;
  refused("bitrate", folder, {four}, options);
  options.bitrate = 0;
  options.file_name = "{track} {stem}.{ext}";
  refused("track without a song", folder, {four}, options);
  options.file_name = "../{stem}.{ext}";
  refused("other folder", folder, {four}, options);
  options.file_name.clear();
  refused("no target", {}, {four}, options);
  refused("no stems", folder, {{}}, options);
  refused("equal stems", folder, {{"a", "a"}}, options);
  refused("stem as path", folder, {{"a/b"}}, options);
  refused("rate of stems", folder, {four, 7000}, options);
  refused("three channels", folder, {four, 44'100, 3}, options);
  refused("endless", folder, {four, 44'100, 2, std::numeric_limits<std::uint64_t>::max()}, options);
  refused("unwritable", fs::path("/proc/stems"), {four}, options);
  refused("file as folder", fs::path(file) / "stems", {four}, options);
}

void expect_errors_of_writing(const std::string& file, const fs::path& folder) {
  Buffers out(2, 2, 100);
  const StemLayout two{{"a", "b"}};
  const auto fails = [&](const char* name, const StemLayout& layout, const StemWriterOptions& options,
                         const std::function<void(StemWriter&)>& work) {
    StemWriter writer(folder / "made/by us", layout, options);
    expect_error(name, [&] { work(writer); });
    if (!fs::is_empty(folder)) std::printf("%s: something is left\n", name);
    expect_error("  and then", [&] { writer.write(0, 100, out.from(0)); });
  };
  fails("gap", two, {}, [&](StemWriter& writer) {
    writer.write(0, 100, out.from(0));
    writer.write(150, 100, out.from(0));
  });
  fails("NaN", two, {}, [&](StemWriter& writer) {
    writer.write(0, 100, out.from(0));
    out.rows[3][7] = std::nanf("");
    writer.write(100, 100, out.from(0));
  });
  out.rows[3][7] = 0;
  fails("nothing", two, {}, [](StemWriter& writer) { writer.finish(); });
  fails("too few", {{"a", "b"}, 44'100, 2, 150}, {}, [&](StemWriter& writer) {
    writer.write(0, 100, out.from(0));
    writer.finish();
  });
  fails("too many", {{"a", "b"}, 44'100, 2, 150}, {}, [&](StemWriter& writer) {
    writer.write(0, 100, out.from(0));
    writer.write(100, 100, out.from(0));
  });
  StemWriterOptions options;
  options.song = file;
  fails("shorter than the song", two, options, [&](StemWriter& writer) {
    writer.write(0, 100, out.from(0));
    writer.finish();
  });
  fails("abandoned", two, options, [&](StemWriter& writer) {
    writer.write(0, 100, out.from(0));
    writer.abandon();
    if (!fs::is_empty(folder)) std::printf("abandoned: something is left\n");
    writer.finish();
  });
  {
    StemWriter first(folder / "made", two);
    first.write(0, 100, out.from(0));
    StemWriter moved = std::move(first);
    moved.write(100, 100, out.from(0));
  }
  std::printf("left %d\n", fs::is_empty(folder) ? 0 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  Stage().write();
  if (Tags().text != 0) return 1;
  demucs_ort::set_up_ffmpeg();
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 5 && words[0] == "running") {
      separate_as_it_runs(words[1], words[2], words[3], words[4]);
    } else if (words.size() == 4 && words[0] == "buffers") {
      separate_in_memory(words[1], words[2], words[3]);
    } else if (words.size() == 3 && words[0] == "edges") {
      read_out_of_order(words[1], words[2]);
    } else if (words.size() == 3 && words[0] == "errors") {
      expect_errors_of_songs(words[1], words[2]);
      expect_errors_of_writers(words[1], words[2]);
      expect_errors_of_writing(words[1], words[2]);
    } else {
      return 2;
    }
  } catch (const demucs_ort::Error& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
