// Text that people and other languages read: numbers, and bytes that are no UTF-8.
#include <gtest/gtest.h>

#include <locale>
#include <string>

#include "base/decimal.hpp"
#include "base/utf8.hpp"
#include "base/utf8_text.hpp"

using namespace demucs_ort;

namespace {

class Comma : public std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
};

}  // namespace

TEST(Text, NumbersHaveAPointInEveryLocale) {
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  EXPECT_EQ(decimal(-6, 1), "-6.0");
  EXPECT_EQ(decimal(1234.5678, 3), "1234.568");
  std::locale::global(before);
}

TEST(Text, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(utf8_text("B\xC3\xA9la \"1\"\n\x01"), "B\xC3\xA9la \"1\"\n\x01");
  EXPECT_EQ(utf8_text("B\xE9la"), "B\xEF\xBF\xBDla");
}

TEST(Text, PathsKeepTheirBytes) {
  EXPECT_EQ(utf8(utf8_path("B\xC3\xA9la")), "B\xC3\xA9la");
#ifdef _WIN32
  EXPECT_EQ(utf8(utf8_path("B\xE9la")), "B\xEF\xBF\xBDla");  // no file there can have that name
#else
  EXPECT_EQ(utf8(utf8_path("B\xE9la")), "B\xE9la");
#endif
}
