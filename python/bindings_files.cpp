// Files in, files out: the Python door to the code behind demucs_ort_cli.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "bindings_support.hpp"
#include "common/ffmpeg_setup.hpp"
#include "demucs_ort/cancel.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "track/file_name.hpp"
#include "track/file_settings.hpp"
#include "track/separate_track.hpp"
#include "track/track.hpp"

using namespace demucs_ort;

namespace {

using Words = std::map<std::string, std::string>;

/// One song into files, with everything that can be asked for.
struct FileCall {
  std::filesystem::path path, out;
  std::shared_ptr<const Model> model;
  SeparatorOptions separation;
  FileRequest files;
  std::string track;  // empty: the file's name
};

/// What callers who keep books want to know of a track.
py::dict facts_of(const TrackResult& result) {
  py::list warnings;
  for (const auto& sentence : result.warnings) warnings.append(readable(sentence));
  py::dict facts;
  facts["frames"] = result.frames;
  facts["sample_rate"] = result.sample_rate;
  facts["audio_seconds"] = result.audio_seconds;
  facts["run_seconds"] = result.run_seconds;
  facts["model_seconds"] = result.model_seconds;
  facts["warnings"] = warnings;
  return facts;
}

#ifdef DEMUCS_NATIVE_HAS_FFMPEG
TrackResult separate_file(const FileCall& call, const py::object& progress) {
  const FileSettings settings = make_file_settings(call.files, !call.track.empty());
  const TrackJob job{call.path, call.out, call.track.empty() ? utf8(track_name(call.path)) : call.track};
  TrackResult result;
  run_watched(progress, [&](const OnProgress& on_progress, const CancelToken& cancel) {
    Separator separator(call.model, call.separation);
    result = separate_track(
        separator, job, settings, [&](double fraction) { on_progress({Stage::separating, fraction}); }, cancel);
  });
  return result;
}
#else
TrackResult separate_file(const FileCall&, const py::object&) {
  throw Error(Status::runtime_missing,
              "this demucs_native was built without FFmpeg, which reads and writes files; build it where FFmpeg's "
              "development packages are installed");
}
#endif

}  // namespace

void register_files(py::module_& module) {
#ifdef DEMUCS_NATIVE_HAS_FFMPEG
  set_up_ffmpeg();
#endif
  module.def(
      "separate_file",
      [](const std::filesystem::path& path, const std::filesystem::path& out,
         const std::optional<std::shared_ptr<Model>>& model, const std::string& format, const std::string& codec,
         const std::string& bit_depth, int bitrate, int sample_rate, const std::string& clip_mode,
         const std::string& filename, const Words& stem_names, const Words& stem_colors, const Words& fold,
         bool preserve_mix, double overlap, unsigned shifts, std::uint32_t seed,
         const std::vector<std::size_t>& shift_offsets, const std::optional<std::vector<std::string>>& stems,
         const std::optional<std::string>& two_stems, const std::string& other_method,
         const std::optional<std::string>& residual_to, const std::string& priority,
         const std::optional<py::typing::Callable<void(double)>>& progress, const std::string& track,
         const std::optional<py::dict>& report) {
        FileCall call;
        call.path = path;
        call.out = out;
        call.model =
            model ? *model : py::module_::import("demucs_native").attr("demo_model")().cast<std::shared_ptr<Model>>();
        call.separation = separator_options(overlap, shifts, seed, shift_offsets, stems, two_stems.value_or(""),
                                            other_method, residual_to.value_or(""));
        call.separation.priority = priority_named(priority);
        call.files.encoding = {format, codec, bit_depth, bitrate, sample_rate, clip_mode};
        call.files.stem_file.names = stem_names;
        call.files.stem_file.colors = stem_colors;
        call.files.stem_file.fold = fold;
        call.files.stem_file.preserve_mix = preserve_mix;
        call.files.file_name = filename;
        call.track = track;
        const TrackResult result = separate_file(call, progress ? py::object(*progress) : py::none());
        if (report) {
          report->attr("update")(facts_of(result));
          return result.files;
        }
        const auto warn = py::module_::import("warnings").attr("warn");
        for (const auto& sentence : result.warnings) warn(readable(sentence));
        return result.files;
      },
      py::arg("path"), py::arg("out"), py::arg("model") = py::none(), py::kw_only(), py::arg("format") = "wav",
      py::arg("codec") = "", py::arg("bit_depth") = "", py::arg("bitrate") = 0, py::arg("sample_rate") = 0,
      py::arg("clip_mode") = "none", py::arg("filename") = "", py::arg("stem_names") = Words{},
      py::arg("stem_colors") = Words{}, py::arg("fold") = Words{}, py::arg("preserve_mix") = false,
      py::arg("overlap") = 0.25, py::arg("shifts") = 0, py::arg("seed") = 0,
      py::arg("shift_offsets") = std::vector<std::size_t>{}, py::arg("stems") = py::none(),
      py::arg("two_stems") = py::none(), py::arg("other_method") = "add", py::arg("residual_to") = py::none(),
      py::arg("priority") = "normal", py::arg("progress") = py::none(), py::arg("track") = "",
      py::arg("report") = py::none(),
      R"(Separates a song into files, as demucs_ort_cli does; docs/files.md tells more of each option.

path: any file that FFmpeg decodes, at any sample rate. If it has several audio streams, the first is taken.
out: the folder to write to; it is made if it does not exist.
model: default demo_model(), which only shows that everything works.
format: "wav", "flac", "mp3", "m4a", "ogg" or "stem.mp4". codec: of m4a and stem.mp4, "aac" or "alac".
bit_depth: "16", "24", or of wav "32f". bitrate: kbit/s of mp3, aac and ogg. Empty and 0: the format's default.
sample_rate: of the files, in Hz; 0: the song's.
clip_mode: "none", "rescale" or "clamp", as demucs has them.
filename: a pattern of {track}, {stem} and {ext}; default "{stem}.{ext}", of stem files "{track}.{ext}".
stem_names, stem_colors, fold, preserve_mix: of stem files; {"drums": "Kit"}, {"drums": "#009E73"},
    {"guitar": "other"}, and whether the song's own packets are copied where that is possible.
overlap, shifts, seed, shift_offsets, stems, two_stems, other_method, residual_to, priority, progress: see Model.separate.
track: what {track} stands for, such as "Artist/Album/Song": a track of a library, whose default filename is
    "{track}/{stem}.{ext}". Default: the file's name without its ending.
report: gets frames and sample_rate of the song, audio_seconds, run_seconds, model_seconds (of these, while the model
    computed) and warnings, a list of sentences.

Returns the files, which appear together when all are complete. What a person should know, such as samples that were
clipped, comes as UserWarning, or in the report. Raises ValueError for unusable arguments and for a file that holds no usable audio, Error
with status 'output_failed' if the files cannot be written, with 'runtime_missing' if this module was built without
FFmpeg, and what Model.separate raises. Other threads run meanwhile; Ctrl-C stops it and leaves no file.)");
}
