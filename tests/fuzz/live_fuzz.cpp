// Decks and streams, called in any order with any arguments that C can check, while their threads are at work. What C
// cannot check stays right, as documented: buffers are as long as said, one thread reads, handles are not used after
// free.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "demucs_ort/c_api.h"
#include "demucs_ort/c_api_deck.h"
#include "demucs_ort/c_api_stream.h"
#include "input.hpp"

namespace {

constexpr std::size_t max_frames = 5000;
constexpr float untouched = -9.0F;

demucs_ort_model* load(const char* path) {
  demucs_ort_model* model = nullptr;
  demucs_ort_model_options options;
  expect(demucs_ort_model_options_init(&options, sizeof options) == DEMUCS_ORT_OK, demucs_ort_last_error());
  options.threads = 1;
  options.max_concurrent_runs = 2;
  expect(demucs_ort_model_load(path, &options, &model) == DEMUCS_ORT_OK, demucs_ort_last_error());
  return model;
}

/// What the host of a deck does when a worker reads: it lives as long as the deck.
struct Host {
  std::size_t frames = 0;
  std::uint8_t mood = 0;

  static std::int32_t read(void* self, std::size_t first, std::size_t wanted, float* const* channels,
                           std::size_t* delivered) {
    const Host& host = *static_cast<Host*>(self);
    expect(first + wanted <= host.frames, "a read beyond the track");
    for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], wanted, 0.25F);
    *delivered = host.mood == 1 ? wanted / 2 : wanted;
    if (host.mood == 2 && first > 0) channels[1][0] = std::numeric_limits<float>::quiet_NaN();
    return host.mood == 3 && first > 0 ? 1 : 0;
  }
};

/// One program of calls, with all it holds.
class Caller {
 public:
  Caller(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < max_frames; ++i) mix_[c][i] = static_cast<float>(i * (c + 1) % 17) / 17.0F - 0.5F;
    }
    for (std::size_t row = 0; row < rows_.size(); ++row) rows_[row] = out_[row].data();
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() {
    demucs_ort_deck_free(deck_);
    demucs_ort_deck_pool_free(pool_);
    demucs_ort_stream_free(stream_);
  }

  void run() {
    for (int calls = 0; calls < 32 && !input_.empty(); ++calls) call();
  }

 private:
  void call() {
    switch (input_.below(10)) {
      case 0:
        return make_pool();
      case 1:
        return make_deck();
      case 2:
        return move_playhead();
      case 3:
        return read_deck();
      case 4:
        return ask_deck();
      case 5:
        demucs_ort_deck_free(deck_);
        deck_ = nullptr;
        return;
      case 6:
        return make_stream();
      case 7:
        return play(false);
      case 8:
        return play(true);
      default:
        demucs_ort_stream_reset(stream_);
        return;
    }
  }

  /// Every failure has a status that is documented and not a defect's, and a sentence.
  static bool succeeds(demucs_ort_status status) {
    expect(status >= DEMUCS_ORT_OK && status <= DEMUCS_ORT_OUT_OF_MEMORY, demucs_ort_last_error());
    expect(status == DEMUCS_ORT_OK || std::strlen(demucs_ort_last_error()) >= 10, "a failure without a sentence");
    return status == DEMUCS_ORT_OK;
  }

  template <typename T>
  T* maybe(T* pointer) {
    return input_.value<std::uint8_t>() % 16 == 15 ? nullptr : pointer;
  }

  /// Mostly a frame of the track.
  std::size_t frame() {
    return input_.value<std::uint8_t>() % 8 == 7 ? input_.value<std::size_t>() : input_.below(max_frames);
  }

  void make_pool() {
    static demucs_ort_model* const model = load(TEST_MODELS "/gains.onnx");
    static demucs_ort_model* const provisional = load(TEST_MODELS "/short.onnx");
    demucs_ort_deck_pool_options options;
    succeeds(demucs_ort_deck_pool_options_init(&options, sizeof options));
    options.provisional = input_.flag() ? provisional : nullptr;
    options.workers = static_cast<std::uint32_t>(input_.below(4));  // 0 and 3 are refused
    options.warm = input_.flag() ? 1 : 0;
    options.preempt = input_.flag() ? 1 : 0;
    demucs_ort_deck_pool* made = nullptr;
    if (!succeeds(demucs_ort_deck_pool_create(maybe(model), maybe(&options), &made))) return;
    demucs_ort_deck_pool_free(pool_);  // its deck goes on
    pool_ = made;
  }

  void make_deck() {
    demucs_ort_separator_options separator;
    succeeds(demucs_ort_separator_options_init(&separator, sizeof separator));
    separator.overlap = input_.flag() ? 0.25 : 0.9 * static_cast<double>(input_.value<std::uint8_t>()) / 255;
    separator.shifts = static_cast<std::uint32_t>(input_.below(3));
    demucs_ort_deck_options options;
    succeeds(demucs_ort_deck_options_init(&options, sizeof options));
    options.separator = maybe(&separator);
    options.cache_mb = input_.flag() ? 1 : input_.below(3);
    options.crossfade_frames = input_.below(2000);
    options.storage = static_cast<std::int32_t>(input_.below(3));  // 2 is refused
    demucs_ort_deck_free(deck_);                                   // before its host changes
    deck_ = nullptr;
    host_ = {input_.below(max_frames), static_cast<std::uint8_t>(input_.value<std::uint8_t>() % 8)};
    const auto reader = input_.value<std::uint8_t>() % 16 == 15 ? nullptr : Host::read;
    demucs_ort_deck* made = nullptr;
    if (succeeds(demucs_ort_deck_create(pool_, reader, &host_, host_.frames, maybe(&options), &made))) deck_ = made;
    expect(demucs_ort_deck_frames(deck_) == (deck_ == nullptr ? 0 : host_.frames), "another length");
  }

  void move_playhead() {
    const std::array<std::size_t, 3> cues{frame(), frame(), frame()};
    demucs_ort_deck_set_playhead(deck_, frame());
    demucs_ort_deck_set_loop(deck_, frame(), frame());
    succeeds(demucs_ort_deck_set_cues(deck_, maybe(cues.data()), input_.below(4)));
  }

  void read_deck() {
    for (auto& row : out_) row.fill(untouched);
    const std::size_t wanted = input_.below(max_frames);
    std::int32_t quality = -1;
    const std::size_t got = demucs_ort_deck_read(deck_, frame(), wanted, maybe(&stems_[0]), &quality);
    expect(got <= wanted, "more than was asked for");
    expect((got == 0) == (quality == DEMUCS_ORT_QUALITY_NONE), "a quality without frames");
    for (const auto& row : out_) {
      expect(std::all_of(row.begin(), row.begin() + got, [](float s) { return std::abs(s) < 10; }), "a wild sample");
      expect(std::all_of(row.begin() + got, row.end(), [](float s) { return s == untouched; }), "written too far");
    }
  }

  void ask_deck() {
    demucs_ort_deck_state state{};
    state.struct_size = sizeof state;
    if (!succeeds(demucs_ort_deck_get_state(deck_, &state))) return;
    expect(state.fraction >= 0 && state.fraction <= 1, "a fraction beyond the whole");
    expect(state.final_frames <= state.ready_frames && state.ready_frames <= host_.frames, "more than there is");
    expect((state.error == DEMUCS_ORT_OK) == (state.stage != DEMUCS_ORT_DECK_FAILED), "a failure without a reason");
  }

  void make_stream() {
    static demucs_ort_model* const model = load(TEST_MODELS "/gains.onnx");
    demucs_ort_stream_options options;
    succeeds(demucs_ort_stream_options_init(&options, sizeof options));
    const auto milliseconds = [this] { return static_cast<double>(input_.value<std::uint8_t>()) / 8000; };
    options.hop = input_.flag() ? 0.008 : milliseconds();
    options.lookahead = input_.flag() ? 0.004 : milliseconds();
    options.crossfade = input_.flag() ? 0.002 : milliseconds();
    options.compute_time = input_.flag() ? 0.02 : milliseconds();
    if (input_.value<std::uint8_t>() % 8 == 7) options.hop = input_.value<double>();
    options.underrun = static_cast<std::int32_t>(input_.below(3));  // 2 is refused
    const std::string residual = input_.text();
    options.residual_to = input_.flag() ? nullptr : residual.c_str();
    demucs_ort_stream* made = nullptr;
    if (!succeeds(demucs_ort_stream_create(maybe(model), maybe(&options), &made))) return;
    demucs_ort_stream_free(stream_);
    stream_ = made;
  }

  void play(bool waits) {
    const std::array<const float*, 2> in{mix_[0].data(), mix_[1].data()};
    const std::size_t frames = input_.below(max_frames);
    const auto before = demucs_ort_stream_underruns(stream_);
    for (auto& row : out_) row.fill(untouched);
    if (waits) {
      succeeds(demucs_ort_stream_render(stream_, maybe(in.data()), maybe(&stems_[0]), frames));
    } else {
      demucs_ort_stream_process(stream_, in.data(), maybe(&stems_[0]), frames);
    }
    expect(demucs_ort_stream_underruns(stream_) >= before, "underruns were forgotten");
    for (const auto& row : out_) {
      expect(std::all_of(row.begin(), row.end(), [](float s) { return std::abs(s) < 10; }), "a wild sample");
      expect(std::all_of(row.begin() + frames, row.end(), [](float s) { return s == untouched; }), "written too far");
    }
  }

  Input input_;
  demucs_ort_deck_pool* pool_ = nullptr;
  demucs_ort_deck* deck_ = nullptr;
  demucs_ort_stream* stream_ = nullptr;
  Host host_;
  std::array<std::array<float, max_frames>, 2> mix_{};
  std::array<std::array<float, max_frames>, 4> out_{};
  std::array<float*, 4> rows_{};
  std::array<float* const*, 2> stems_{rows_.data(), rows_.data() + 2};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Caller(data, size).run();
  return 0;
}
