#include "write/clip_stage.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "common/encoding.hpp"
#include "common/exit_error.hpp"
#include "write/stage.hpp"

namespace fs = std::filesystem;

namespace {

constexpr std::size_t frames = 100'000;  // more than a file's buffer holds

/// Keeps what comes out of one stream with one channel.
class Collector : public Stage {
 public:
  void write(std::size_t count, const float* const* const* streams) override {
    samples.insert(samples.end(), streams[0][0], streams[0][0] + count);
  }

  std::vector<float> samples;
};

class RescalingClipStage : public testing::Test {
 protected:
  RescalingClipStage() {
    fs::create_directory(scratch);
    Encoding encoding;
    encoding.clip_mode = ClipMode::rescale;
    stages.add<ClipStage>(encoding, std::vector<std::string>{"loud"}, std::size_t{1}, false, scratch);
    end = &stages.add<Collector>();
    const std::vector<float> loud(frames, 2.0F);
    const float* channel = loud.data();
    const float* const* stream = &channel;
    stages.write(frames, &stream);
  }

  const fs::path scratch = fs::temp_directory_path() / ("demucs_ort_clip-" + std::to_string(std::random_device{}()));
  /// Goes after the stages, which have files open in it.
  struct Removal {
    const fs::path& folder;
    ~Removal() { fs::remove_all(folder); }
  };
  const Removal removal{scratch};
  StageList stages;
  Collector* end = nullptr;
};

}  // namespace

TEST_F(RescalingClipStage, PassesOnWhatItKeptWhenThePeakIsKnown) {
  EXPECT_TRUE(end->samples.empty());
  stages.finish();
  EXPECT_EQ(end->samples, std::vector<float>(frames, 2.0F / (1.01F * 2.0F)));
}

TEST_F(RescalingClipStage, TakesAFileThatCannotBeReadBackForNoEnd) {
  fs::resize_file(scratch / "samples", 0);
  EXPECT_THROW(stages.finish(), ExitError);
}
