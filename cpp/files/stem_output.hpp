#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "audio_writer.hpp"
#include "clip_stage.hpp"
#include "encoding.hpp"

/// Where finished streams of one track go, at the rate of the files. Throws ExitError exit_output.
class StemOutput {
 public:
  virtual ~StemOutput() = default;
  StemOutput(const StemOutput&) = delete;
  StemOutput& operator=(const StemOutput&) = delete;

  void write(std::size_t frames, const float* const* const* streams);
  /// Completes the files; without it they are unusable.
  void finish();
  /// What was done to samples beyond full scale, a sentence each.
  std::vector<std::string> warnings() const;

 protected:
  /// `names`: of the streams, for the warnings. common_gain as in ClipStage.
  StemOutput(const Encoding& encoding, std::vector<std::string> names, std::size_t channels, bool common_gain,
             const std::filesystem::path& scratch);

 private:
  virtual void encode(std::size_t frames, const float* const* const* streams) = 0;
  virtual void complete() = 0;

  Encoding encoding_;
  std::vector<std::string> names_;
  ClipStage clip_;
};

/// A file for each stem.
class SeparateFiles : public StemOutput {
 public:
  /// Writes to `files`; `finals` are the names they will have.
  SeparateFiles(const std::vector<std::filesystem::path>& files, const std::vector<std::filesystem::path>& finals,
                const Encoding& encoding, int rate, std::size_t channels, const Tags& tags);

 private:
  void encode(std::size_t frames, const float* const* const* streams) override;
  void complete() override;

  std::vector<std::unique_ptr<AudioWriter>> writers_;
};
