#pragma once

#include <cstddef>
#include <memory>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace demucs_ort {

constexpr std::size_t large_page = 2 << 20;  // bytes

struct FreeLargePages {
  void operator()(float* samples) const noexcept { ::operator delete(samples, std::align_val_t{large_page}); }
};

/// Memory for as many samples, which holds anything. Where the system has large pages on demand, it is on them: so much
/// memory costs more to touch for the first time than to fill later. Throws std::bad_alloc.
inline std::unique_ptr<float[], FreeLargePages> on_large_pages(std::size_t samples) {
  const std::size_t bytes = samples * sizeof(float);
  std::unique_ptr<float[], FreeLargePages> memory(
      static_cast<float*>(::operator new(bytes, std::align_val_t{large_page})));
#if defined(__linux__)
  // Whole pages only: the rest of one would be memory for nothing. Where it fails, pages are of the usual size.
  madvise(memory.get(), bytes / large_page * large_page, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace demucs_ort
