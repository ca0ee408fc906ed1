#include "separation/mix_spool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>
#ifdef __linux__
#include <signal.h>
#include <sys/resource.h>
#endif

#include "demucs_ort/cancel.hpp"
#include "demucs_ort/error.hpp"
#include "demucs_ort/model.hpp"
#include "demucs_ort/separator.hpp"
#include "status_of.hpp"

using namespace demucs_ort;

namespace {

constexpr std::size_t frames = 200000;  // three blocks of the spool, and a part

std::filesystem::path folder() { return testing::TempDir(); }

float sample(std::size_t channel, std::size_t frame) {
  return static_cast<float>((frame * 7919 + channel * 104729) % 20011) / 20011.0F - 0.5F;
}

/// The track, frame by frame.
std::vector<float> interleaved() {
  std::vector<float> track;
  for (std::size_t i = 0; i < 2 * frames; ++i) track.push_back(sample(i % 2, i / 2));
  return track;
}

std::vector<std::vector<float>> planar() {
  std::vector<std::vector<float>> track(2);
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = 0; i < frames; ++i) track[c].push_back(sample(c, i));
  }
  return track;
}

/// Hands the track over in pieces of unlike sizes, none of which is a block.
template <typename Push>
void in_pieces(const Push& push) {
  std::size_t size = 1;
  for (std::size_t at = 0; at < frames; at += size) {
    size = std::min((size * 37 + 11) % 90001, frames - at);
    push(at, size);
  }
}

struct Stems {
  std::vector<std::vector<float>> rows{4};  // of two stems of two channels
  Write write = [this](std::size_t first, std::size_t count, const float* const* const* stems) {
    EXPECT_EQ(first, rows[0].size());
    for (std::size_t r = 0; r < 4; ++r) {
      rows[r].insert(rows[r].end(), stems[r / 2][r % 2], stems[r / 2][r % 2] + count);
    }
  };
};

Separator separator() { return Separator(Model::load(std::string(TEST_MODELS) + "/ramp.onnx")); }

}  // namespace

TEST(MixSpool, GivesBackWhatWasPushedFromAnyPlace) {
  MixSpool spool(2, folder());
  const auto track = interleaved();
  in_pieces([&](std::size_t at, std::size_t size) {
    const float* channels[] = {track.data() + 2 * at, track.data() + 2 * at + 1};
    spool.push(channels, size, 2);
  });
  for (const std::size_t first : {0U, 1U, 65535U, 65536U, 131000U, 199999U, 7U}) {
    for (const std::size_t wanted : {1U, 65536U, 140000U, 300000U}) {
      std::vector<float> left(wanted);
      std::vector<float> right(wanted);
      float* rows[] = {left.data(), right.data()};
      ASSERT_EQ(spool.read(first, wanted, rows), std::min(wanted, frames - first));
      for (std::size_t i = 0; i < std::min(wanted, frames - first); ++i) {
        ASSERT_EQ(left[i], sample(0, first + i)) << first << " " << i;
        ASSERT_EQ(right[i], sample(1, first + i)) << first << " " << i;
      }
    }
  }
  EXPECT_EQ(spool.read(frames, 5, nullptr), 0U);
}

TEST(PushedTrack, HasTheStemsOfSeparate) {
  const auto track = planar();
  const std::vector<const float*> mix{track[0].data(), track[1].data()};
  Stems expected;
  auto whole = separator();
  const auto read = [&](std::size_t first, std::size_t count, float* const* channels) {
    count = std::min(count, frames - first);
    for (std::size_t c = 0; c < 2; ++c) std::copy_n(mix[c] + first, count, channels[c]);
    return count;
  };
  EXPECT_EQ(whole.separate(read, expected.write), frames);

  auto pushed = separator();
  for (int round = 0; round < 2; ++round) {  // the second track does not begin with the first
    pushed.begin(folder());
    in_pieces([&](std::size_t at, std::size_t size) {
      const float* channels[] = {mix[0] + at, mix[1] + at};
      pushed.push(channels, size);
    });
    Stems stems;
    EXPECT_EQ(pushed.finish(stems.write), frames);
    EXPECT_EQ(stems.rows, expected.rows);
  }
}

TEST(PushedTrack, SurvivesACancelAndIsForgottenOnRequest) {
  auto pushed = separator();
  const auto track = planar();
  const float* mix[] = {track[0].data(), track[1].data()};
  pushed.begin(folder());
  pushed.push(mix, 5000);
  CancelToken cancel;
  cancel.request();
  Stems none;
  EXPECT_EQ(status_of([&] { pushed.finish(none.write, {}, cancel); }), Status::cancelled);
  Stems stems;
  EXPECT_EQ(pushed.finish(stems.write), 5000U);
  EXPECT_EQ(status_of([&] { pushed.finish(stems.write); }), Status::invalid_argument) << "it is forgotten";
  pushed.begin(folder());
  pushed.push(mix, 5000);
  pushed.abandon();
  EXPECT_EQ(status_of([&] { pushed.push(mix, 1); }), Status::invalid_argument);
  pushed.begin(folder());
  EXPECT_EQ(status_of([&] { pushed.finish(stems.write); }), Status::bad_audio) << "nothing was pushed";
}

TEST(PushedTrack, IsRefusedWhereNoFileCanBe) {
  auto pushed = separator();
  EXPECT_EQ(status_of([&] { pushed.begin(folder() / "no" / "such"); }), Status::invalid_argument);
  EXPECT_EQ(status_of([&] { pushed.push(nullptr, 0); }), Status::invalid_argument) << "begin failed";
}

#ifdef __linux__
TEST(PushedTrack, IsForgottenWhenTheDiskIsFull) {
  const auto limited = [] {
    rlimit most{400000, 400000};  // bytes of a file: less than one block
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &most);
    auto pushed = separator();
    const auto track = planar();
    const float* mix[] = {track[0].data(), track[1].data()};
    pushed.begin(folder());
    const bool failed = status_of([&] { pushed.push(mix, frames); }) == Status::runtime_failed;
    Stems stems;
    const bool forgotten = status_of([&] { pushed.finish(stems.write); }) == Status::invalid_argument;
    std::_Exit(failed && forgotten && stems.rows[0].empty() ? 0 : 1);
  };
  EXPECT_EXIT(limited(), testing::ExitedWithCode(0), "");
}
#endif
