#include "demucs_ort/cancel.hpp"

#include <gtest/gtest.h>

#include "base/cancel_state.hpp"
#include "demucs_ort/error.hpp"

using namespace demucs_ort;

TEST(CancelToken, CopiesShareOneStickyState) {
  const CancelToken token;
  const CancelToken copy = token;
  EXPECT_FALSE(copy.requested());
  token.request();
  token.request();
  EXPECT_TRUE(copy.requested());
}

TEST(CancelToken, RequestCallsEachLiveStopOnce) {
  const CancelToken token;
  int gone = 0;
  int live = 0;
  {
    const OnCancel registered(token, [&] { ++gone; });
  }
  const OnCancel registered(token, [&] { ++live; });
  token.request();
  token.request();
  EXPECT_EQ(gone, 0);
  EXPECT_EQ(live, 1);
}

TEST(CancelToken, StopRegisteredAfterTheRequestIsCalledAtOnce) {
  const CancelToken token;
  token.request();
  int calls = 0;
  const OnCancel registered(token, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(CancelToken, ThrowIfCancelledNamesTheStatus) {
  const CancelToken token;
  EXPECT_NO_THROW(throw_if_cancelled(token));
  token.request();
  try {
    throw_if_cancelled(token);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::cancelled);
  }
}
