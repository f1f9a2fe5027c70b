#include "sync/retry.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tidemark {
namespace {

TEST(Retry, OnlyWhatMayPassIsTransient) {
  EXPECT_TRUE(IsTransient({ErrorKind::kUnavailable, {}, {}}));
  EXPECT_TRUE(IsTransient({ErrorKind::kConflict, {}, {}}));
  for (auto kind :
       {ErrorKind::kInvalid, ErrorKind::kNotFound, ErrorKind::kDenied, ErrorKind::kCorrupt,
        ErrorKind::kUnsupported, ErrorKind::kCancelled, ErrorKind::kMisfit, ErrorKind::kInternal})
    EXPECT_FALSE(IsTransient({kind, {}, {}})) << Name(kind);
}

TEST(Retry, WaitsSpreadOverALimitThatDoublesUpToTheLongest) {
  RetryOptions options{.attempts = 9, .first_wait_ms = 100, .longest_wait_ms = 1000};
  SeededRandom random(7);
  for (auto [attempt, limit_us] :
       {std::pair(1, 100'000), std::pair(2, 200'000), std::pair(4, 800'000),
        std::pair(5, 1'000'000), std::pair(60, 1'000'000)}) {
    std::int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; ++i) {
      auto wait_us = RetryWaitUs(options, attempt, random);
      least = std::min(least, wait_us);
      most = std::max(most, wait_us);
    }
    EXPECT_GE(least, 0);
    EXPECT_LT(least, limit_us / 20);
    EXPECT_LE(most, limit_us);
    EXPECT_GT(most, limit_us - limit_us / 20);
  }
}

TEST(Retry, NoWaitWhereNoneIsAskedFor) {
  SeededRandom random(7);
  RetryOptions options{.attempts = 3, .first_wait_ms = 0, .longest_wait_ms = 0};
  EXPECT_EQ(RetryWaitUs(options, 2, random), 0);
}

}  // namespace
}  // namespace tidemark
