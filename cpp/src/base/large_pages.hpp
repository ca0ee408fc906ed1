#pragma once

#include <cstddef>
#include <memory>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace demucs_ort {

/// Memory for many samples, which hold anything at first. Where the system has large pages on demand, it is on them: so
/// much memory costs more to touch for the first time than to fill later.
class LargePages {
 public:
  /// Throws std::bad_alloc.
  explicit LargePages(std::size_t samples)
      : samples_(static_cast<float*>(::operator new(samples * sizeof(float), std::align_val_t{page}))) {
#if defined(__linux__)
    // Whole pages only: the rest of one would be memory for nothing. Where it fails, pages are of the usual size.
    madvise(samples_.get(), samples * sizeof(float) / page * page, MADV_HUGEPAGE);
#endif
  }

  float* get() const noexcept { return samples_.get(); }

 private:
  static constexpr std::size_t page = 2 << 20;  // bytes
  struct Free {
    void operator()(float* samples) const noexcept { ::operator delete(samples, std::align_val_t{page}); }
  };
  std::unique_ptr<float, Free> samples_;
};

}  // namespace demucs_ort
