#include "write/rate_stage.hpp"

#include <gtest/gtest.h>

#include <string>

#include "common/exit_error.hpp"

TEST(RateStage, TellsWhatFFmpegRefuses) {
  try {
    RateStage(1, 2, 44'100, 0, 10);
    FAIL() << "a rate of 0 was accepted";
  } catch (const ExitError& error) {
    EXPECT_EQ(error.code(), exit_output);
    EXPECT_NE(std::string(error.what()).find("sample rate"), std::string::npos);
  }
}
