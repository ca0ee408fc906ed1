#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "track/file_settings.hpp"
#include "track/track.hpp"

/// What a track was made with, kept in a hidden file beside what came of it, so that a later run can tell that it is
/// done. A record fits if model, settings and the input's size and time are the same and all files are there.
class TrackRecord {
 public:
  /// `files`: what output_files names.
  TrackRecord(const TrackJob& job, const std::vector<std::filesystem::path>& files, const demucs_ort::Model& model,
              const demucs_ort::SeparatorOptions& separation, const FileSettings& settings);

  bool is_done() const;
  /// Writes the record, complete or not at all. Throws ExitError exit_output.
  void save() const;

 private:
  std::filesystem::path place_;
  std::vector<std::filesystem::path> files_;
  nlohmann::ordered_json made_with_;
};

/// Whether a file is named like a record.
bool is_track_record(const std::filesystem::path& file);

/// A file's name as a record has it: as UTF-8, which names of files need not be.
std::string recorded_name(const std::filesystem::path& file);

/// Names of the files in a folder that a record there says this program has made.
std::set<std::string> files_recorded_in(const std::filesystem::path& folder);
