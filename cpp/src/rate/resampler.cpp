#include "rate/resampler.hpp"

#ifdef DEMUCS_ORT_WITH_SOXR
#include <soxr.h>

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace demucs_ort {
namespace {

struct Delete {
  void operator()(soxr_t resampler) const noexcept { soxr_delete(resampler); }
};

/// Linear phase, 20 bits: its noise lies below that of a model in float32 (docs/adr/0017-windows-at-any-rate.md).
std::unique_ptr<soxr, Delete> make(std::size_t rows, int from, int to) {
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  const soxr_io_spec_t planar = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S);
  soxr_error_t error = nullptr;
  std::unique_ptr<soxr, Delete> made(
      soxr_create(from, to, static_cast<unsigned>(rows), &error, &planar, &quality, nullptr));
  if (error != nullptr || !made) throw std::bad_alloc();  // all else it could refuse is checked before
  return made;
}

/// One pointer for each row, to be moved along it.
template <typename Sample>
std::vector<Sample*> starts(Sample* samples, std::size_t rows, std::size_t frames) {
  std::vector<Sample*> pointers;
  for (std::size_t row = 0; row < rows; ++row) pointers.push_back(samples + row * frames);
  return pointers;
}

template <typename Sample>
void move_on(std::vector<Sample*>& rows, std::size_t frames) {
  for (Sample*& row : rows) row += frames;
}

}  // namespace

bool can_resample() noexcept { return true; }

void resample(std::size_t rows, const float* in, const Stretch& from, float* out, const Stretch& to) {
  const auto resampler = make(rows, from.sample_rate, to.sample_rate);
  auto heard = starts(in, rows, from.frames);
  auto made = starts(out, rows, to.frames);
  const std::vector<float> silence(1024);
  const std::vector<const float*> silent(rows, silence.data());
  std::size_t left = from.frames;
  for (std::size_t done = 0; done < to.frames;) {
    const bool ended = left == 0;
    std::size_t taken = 0;
    std::size_t given = 0;
    const soxr_error_t error =
        soxr_process(resampler.get(), ended ? silent.data() : heard.data(), ended ? silence.size() : left, &taken,
                     made.data(), to.frames - done, &given);
    if (error != nullptr) throw std::bad_alloc();
    done += given;
    move_on(made, given);
    if (ended) continue;
    left -= taken;
    move_on(heard, taken);
  }
}

}  // namespace demucs_ort

#else

#include <cstddef>

namespace demucs_ort {

bool can_resample() noexcept { return false; }

void resample(std::size_t, const float*, const Stretch&, float*, const Stretch&) {}

}  // namespace demucs_ort

#endif
