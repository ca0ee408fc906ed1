#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

/// Takes values from the bytes of a fuzzer or of a corpus file; zeros when they have run out.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  template <typename T>
  T value() {
    T result{};
    const std::size_t count = std::min(sizeof result, size_);
    std::memcpy(&result, data_, count);
    skip(count);
    return result;
  }

  /// 0 to limit - 1, from two bytes.
  std::size_t below(std::size_t limit) { return value<std::uint16_t>() % limit; }
  bool flag() { return (value<std::uint8_t>() & 1) != 0; }

  /// A byte says how long it is.
  std::string text() {
    const std::size_t count = std::min<std::size_t>(value<std::uint8_t>(), size_);
    std::string result(reinterpret_cast<const char*>(data_), count);
    skip(count);
    return result;
  }

 private:
  void skip(std::size_t count) {
    data_ += count;
    size_ -= count;
  }

  const std::uint8_t* data_;
  std::size_t size_;
};

/// Ends the program, which is how a fuzzer learns of a finding, unless `good`.
inline void expect(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "fuzzing found: %s\n", what);
  std::abort();
}
