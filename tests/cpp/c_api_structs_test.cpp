// Structs of C callers that are older and newer than the library: here of a later library, whose struct has grown.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "c_api/c_api_support.hpp"
#include "demucs_ort/error.hpp"

using namespace demucs_ort;
using namespace demucs_ort::c_api;

namespace {

struct First {
  std::size_t struct_size;
  const char* name;
  std::int32_t number;
};

struct Grown {
  std::size_t struct_size;
  const char* name;
  std::int32_t number;
  std::int32_t added;
  double also_added;
};

constexpr std::size_t first_size = DEMUCS_ORT_FIRST_SIZE(Grown, number);

}  // namespace

TEST(CStructs, TheFirstSizeIsThatOfTheFirstStruct) { EXPECT_EQ(first_size, sizeof(First)); }

TEST(CStructs, OptionsOfAnOlderProgramAreAccepted) {
  const First given{sizeof given, "x", 7};
  Grown as_passed{};
  std::memcpy(static_cast<void*>(&as_passed), &given, sizeof given);
  as_passed.also_added = 9;  // lies behind what the caller has
  const Grown known = known_options(&as_passed, first_size);
  EXPECT_STREQ(known.name, "x");
  EXPECT_EQ(known.number, 7);
  EXPECT_EQ(known.also_added, 0);
  as_passed.struct_size = sizeof given - 1;
  EXPECT_THROW(known_options(&as_passed, first_size), Error);
}

TEST(CStructs, FactsForAnOlderProgramFitItsStruct) {
  Grown memory{};
  memory.also_added = 9;
  fill(&memory, Grown{0, "x", 7, 8, 10}, sizeof(First), first_size);
  EXPECT_EQ(memory.struct_size, sizeof(First));
  EXPECT_EQ(memory.number, 7);
  EXPECT_EQ(memory.also_added, 9);  // was not touched
}
