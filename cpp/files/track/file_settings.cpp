#include "track/file_settings.hpp"

#include <filesystem>
#include <vector>

#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "stem_file/stem_settings.hpp"
#include "track/file_name.hpp"
#include "track/track.hpp"

inline namespace demucs_ort_files {

namespace fs = std::filesystem;

FileSettings make_file_settings(const FileRequest& request, bool several_tracks) {
  FileSettings settings{make_encoding(request.encoding), make_stem_file_settings(request.stem_file), request.file_name};
  const bool stem_file = makes_stem_file(settings);
  const auto& wishes = request.stem_file;
  const bool has_words = !wishes.names.empty() || !wishes.colors.empty() || !wishes.fold.empty();
  if (!stem_file && (has_words || wishes.preserve_mix || wishes.sum_mix)) {
    throw ExitError(exit_usage, "names, colours, folding and the mix's settings are for the format stem.mp4");
  }
  if (wishes.preserve_mix && wishes.sum_mix) {
    throw ExitError(exit_usage, "a mix is either preserved or the sum of the stems; choose one");
  }
  if (wishes.preserve_mix && settings.encoding.clip_mode != ClipMode::none) {
    throw ExitError(exit_usage, "a preserved mix keeps its level; leave out the clip mode");
  }
  auto& pattern = settings.file_name;
  if (pattern.empty()) {
    pattern = stem_file ? "{track}.{ext}" : several_tracks ? "{track}/{stem}.{ext}" : "{stem}.{ext}";
  }
  check_file_name_pattern(pattern, file_ending(settings.encoding.format), several_tracks, !stem_file);
  return settings;
}

bool makes_stem_file(const FileSettings& settings) { return settings.encoding.format == Format::stem_mp4; }

std::vector<fs::path> output_files(const std::vector<std::string>& stems, const TrackJob& job,
                                   const FileSettings& settings) {
  std::vector<fs::path> files;
  const std::string ending = file_ending(settings.encoding.format);
  if (makes_stem_file(settings)) {
    places_of(stems, settings.stem_file);
    return {job.folder / file_name(settings.file_name, job.name, {}, ending)};
  }
  for (const auto& stem : stems) files.push_back(job.folder / file_name(settings.file_name, job.name, stem, ending));
  return files;
}

}  // namespace demucs_ort_files
