// The C interface, called in any order with any arguments that C can check: every byte pair of the input is a call.
// What C cannot check stays right, as documented: buffers and lists are as long as said, handles are not used after
// free.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "demucs_ort/c_api.h"
#include "input.hpp"

namespace {

constexpr std::size_t max_frames = 3000;
constexpr std::size_t list_size = 4096;  // the library takes no longer ones
constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

/// Lists longer than any that the library reads.
struct Lists {
  std::array<const char*, list_size> names{};
  std::array<const char*, list_size> holes{};
  std::array<std::size_t, list_size> offsets{};
  Lists() {
    for (std::size_t i = 0; i < list_size; ++i) names[i] = i % 2 == 0 ? "drums" : "bass";
    holes[0] = "bass";
    for (std::size_t i = 0; i < list_size; ++i) offsets[i] = i * 7;
  }
};

const Lists lists;

demucs_ort_model* load() {
  demucs_ort_model* model = nullptr;
  expect(demucs_ort_model_load(TEST_MODELS "/gains.onnx", nullptr, &model) == DEMUCS_ORT_OK, demucs_ort_last_error());
  return model;
}

/// One program of calls, with all it holds.
class Caller {
 public:
  Caller(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    for (std::size_t row = 0; row < 4; ++row) stem_rows_[row] = stems_[row].data();
    for (std::size_t i = 0; i < max_frames; ++i) {
      for (std::size_t c = 0; c < 2; ++c) mix_[c][i] = static_cast<float>(i * (c + 1) % 17) / 17.0F - 0.5F;
    }
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() {
    demucs_ort_separator_free(separator_);
    demucs_ort_cancel_free(cancel_);
  }

  void run() {
    for (int calls = 0; calls < 24 && !input_.empty(); ++calls) call();
  }

 private:
  void call() {
    switch (input_.below(12)) {
      case 0:
        return create_separator();
      case 1:
        demucs_ort_separator_free(separator_);
        separator_ = nullptr;
        return;
      case 2:
        return ask_stems();
      case 3:
        return separate();
      case 4:
        return stream();
      case 5:
        check(demucs_ort_cancel_create(cancel_ == nullptr && input_.flag() ? &cancel_ : nullptr));
        return;
      case 6:
        demucs_ort_cancel_request(cancel_);
        expect(demucs_ort_cancel_requested(cancel_) == (cancel_ == nullptr ? 0 : 1), "a request was forgotten");
        return;
      case 7:
        demucs_ort_cancel_free(cancel_);
        cancel_ = nullptr;
        return;
      case 8:
        return ask_info();
      case 9:
        return run_model();
      case 10:
        return push();
      default:
        return load_model();
    }
  }

  /// Every failure has a status that is documented and not a defect's, and a sentence.
  static demucs_ort_status check(demucs_ort_status status) {
    expect(status >= DEMUCS_ORT_OK && status <= DEMUCS_ORT_OUT_OF_MEMORY, demucs_ort_last_error());
    expect(status == DEMUCS_ORT_OK || std::strlen(demucs_ort_last_error()) >= 10, "a failure without a sentence");
    return status;
  }

  template <typename T>
  T* maybe(T* pointer) {
    return input_.value<std::uint8_t>() % 8 == 7 ? nullptr : pointer;
  }

  std::size_t number() {
    const std::size_t kind = input_.below(8);
    return kind == 7 ? input_.value<std::size_t>() : kind == 6 ? huge : kind;
  }

  std::size_t struct_size(std::size_t right) {
    const std::size_t kind = input_.below(10);
    return kind == 7 ? input_.value<std::size_t>() : kind == 8 ? right - 1 : kind == 9 ? right + 8 : right;
  }

  static demucs_ort_model* model() {
    static demucs_ort_model* const shared = load();
    return shared;
  }

  void create_separator() {
    struct {
      demucs_ort_separator_options options;
      std::array<unsigned char, 4096> beyond;
    } given{};
    check(demucs_ort_separator_options_init(maybe(&given.options), struct_size(sizeof given.options)));
    auto& options = given.options;
    options.struct_size = struct_size(sizeof options);
    options.overlap = input_.flag() ? 0.25 : input_.value<double>();
    options.shifts = input_.flag() ? 0 : input_.value<std::uint32_t>();
    options.seed = input_.value<std::uint32_t>();
    options.shift_offsets = input_.flag() ? nullptr : lists.offsets.data();
    options.shift_offset_count = number();
    options.stems = input_.flag() ? nullptr : input_.flag() ? lists.names.data() : lists.holes.data();
    options.stem_count = number();
    const std::string two = input_.text();
    options.two_stems = input_.flag() ? nullptr : two.c_str();
    options.other_method = input_.flag() ? 0 : input_.value<std::int32_t>();
    const std::string residual = input_.text();
    options.residual_to = input_.flag() ? nullptr : residual.c_str();
    options.priority = input_.flag() ? 0 : input_.value<std::int32_t>();
    if (input_.value<std::uint8_t>() % 8 == 7) given.beyond[input_.below(given.beyond.size())] = 1;
    demucs_ort_separator* made = nullptr;
    const auto status =
        check(demucs_ort_separator_create(maybe(model()), input_.flag() ? nullptr : &options, maybe(&made)));
    expect((status == DEMUCS_ORT_OK) == (made != nullptr), "a handle without success, or the other way round");
    if (made == nullptr) return;
    demucs_ort_separator_free(separator_);
    separator_ = made;
    // Passes beyond these only take time.
    is_quick_ = options.shifts <= 3 && options.shift_offset_count <= 3 && !(options.overlap > 0.9);
  }

  void ask_stems() {
    const std::size_t count = demucs_ort_separator_stem_count(separator_);
    const std::size_t index = number();
    const char* name = demucs_ort_separator_stem_name(separator_, index);
    expect((name != nullptr) == (index < count), "a name of no stem");
    expect(name == nullptr || std::strlen(name) > 0, "a stem without a name");
  }

  void separate() {
    if (!is_quick_) return;
    const float* mix[] = {maybe(mix_[0].data()), maybe(mix_[1].data())};
    float* const* stems[] = {maybe(stem_rows_.data()), maybe(stem_rows_.data() + 2)};
    const std::size_t frames = input_.below(8) == 7 ? huge - input_.below(9) : input_.below(max_frames);
    if (input_.below(8) == 7) mix_[1][input_.below(max_frames)] = std::numeric_limits<float>::quiet_NaN();
    const auto progress = input_.flag() ? on_progress : nullptr;
    check(demucs_ort_separate(separator_, maybe(&mix[0]), frames, maybe(&stems[0]), progress, this, cancel_));
  }

  void stream() {
    if (!is_quick_) return;
    left_ = input_.below(max_frames);
    std::size_t frames = 0;
    check(demucs_ort_separate_callbacks(separator_, input_.below(8) == 7 ? nullptr : on_read,
                                        input_.below(8) == 7 ? nullptr : on_write,
                                        input_.flag() ? on_progress : nullptr, this, cancel_, maybe(&frames)));
  }

  void push() {
    const float* mix[] = {maybe(mix_[0].data()), maybe(mix_[1].data())};
    switch (input_.below(4)) {
      case 0:
        check(demucs_ort_separator_begin(separator_, nullptr));
        return;
      case 1: {
        const std::size_t stride = input_.below(3);
        const std::size_t frames = input_.below(8) == 7 ? huge - input_.below(9) : input_.below(max_frames / 2);
        check(demucs_ort_separator_push(separator_, maybe(&mix[0]), frames, stride));
        return;
      }
      case 2:
        if (!is_quick_) return;
        check(demucs_ort_separator_finish(separator_, maybe(on_write), nullptr, this, cancel_, nullptr));
        return;
      default:
        demucs_ort_separator_abandon(separator_);
    }
  }

  void ask_info() {
    struct {
      demucs_ort_model_info info;
      std::array<unsigned char, 4096> beyond;
    } given{};
    given.info.struct_size = struct_size(sizeof given.info);
    if (check(demucs_ort_model_get_info(maybe(model()), maybe(&given.info))) == DEMUCS_ORT_OK) {
      expect(given.info.source_count == 2 && std::strcmp(given.info.sources[1], "bass") == 0, "wrong facts");
    }
  }

  void run_model() {
    static std::vector<float> mix(2 * 2000);
    static std::vector<float> stems(2 * 4000);
    // A batch that the buffers do not hold has to be one that no memory holds.
    const std::size_t batch = input_.below(8) == 7 ? huge >> input_.below(12) : input_.below(3);
    demucs_ort_run_options options;
    check(demucs_ort_run_options_init(&options, sizeof options));
    options.cancel = cancel_;
    check(demucs_ort_model_run(maybe(model()), maybe(mix.data()), batch, maybe(stems.data()), &options));
  }

  void load_model() {
    struct {
      demucs_ort_model_options options;
      std::array<unsigned char, 4096> beyond;
    } given{};
    check(demucs_ort_model_options_init(maybe(&given.options), struct_size(sizeof given.options)));
    auto& options = given.options;
    options.struct_size = struct_size(sizeof options);
    const std::string provider = input_.text();
    options.provider = input_.flag() ? nullptr : provider.c_str();
    options.threads = input_.flag() ? 1 : 1025 + input_.value<std::uint16_t>();
    options.max_concurrent_runs = input_.value<std::uint8_t>();
    options.low_priority = input_.value<std::int32_t>();
    options.provider_options = input_.flag() ? nullptr : input_.flag() ? lists.names.data() : lists.holes.data();
    options.provider_option_count = number();
    const std::string path = input_.text();
    const auto bytes = input_.text();
    demucs_ort_model* made = nullptr;
    const auto status =
        input_.flag() ? check(demucs_ort_model_load(maybe(path.c_str()), &options, maybe(&made)))
                      : check(demucs_ort_model_load_memory(maybe(bytes.data()), bytes.size(), &options, maybe(&made)));
    expect((status == DEMUCS_ORT_OK) == (made != nullptr), "a handle without success, or the other way round");
    demucs_ort_model_free(made);
  }

  static std::int32_t on_read(void* self, std::size_t first, std::size_t wanted, float* const* channels,
                              std::size_t* delivered) {
    auto& caller = *static_cast<Caller*>(self);
    const std::size_t there = first < caller.left_ ? std::min(wanted, caller.left_ - first) : 0;
    for (std::size_t c = 0; c < 2; ++c) std::fill_n(channels[c], there, 0.25F);
    *delivered = caller.input_.below(16) == 15 ? caller.number() : there;
    return caller.answer();
  }

  static std::int32_t on_write(void* self, std::size_t, std::size_t frames, const float* const* const* stems) {
    auto& caller = *static_cast<Caller*>(self);
    expect(frames == 0 || stems[0][0][frames - 1] < 1e6F, "a wild sample");
    return caller.answer();
  }

  static std::int32_t on_progress(void* self, std::int32_t, double fraction) {
    expect(fraction >= 0 && fraction <= 1, "a progress beyond the end");
    return static_cast<Caller*>(self)->answer();
  }

  std::int32_t answer() { return input_.value<std::uint8_t>() == 255 ? input_.value<std::int32_t>() : 0; }

  Input input_;
  demucs_ort_separator* separator_ = nullptr;
  demucs_ort_cancel* cancel_ = nullptr;
  bool is_quick_ = true;
  std::size_t left_ = 0;
  std::array<std::array<float, max_frames>, 2> mix_{};
  std::array<std::array<float, max_frames>, 4> stems_{};
  std::array<float*, 4> stem_rows_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Caller(data, size).run();
  return 0;
}
