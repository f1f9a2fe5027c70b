#include <gtest/gtest.h>

#include <atomic>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/memory_budget.h"
#include "base/units.h"
#include "base/worker_pool.h"

namespace tidemark {
namespace {

TEST(Clock, FileTimestampRoundTripsAndSortsAsText) {
  std::int64_t us = 1'795'260'485'123'456;
  EXPECT_EQ(FormatFileTimestamp(us), "20261121T112805123456Z");
  EXPECT_EQ(ParseFileTimestamp("20261121T112805123456Z"), us);
  EXPECT_LT(FormatFileTimestamp(us), FormatFileTimestamp(us + 1));
}

TEST(Clock, RefusesWhatIsNoTimestamp) {
  for (auto text : {"", "20261121", "20261321T112805123456Z", "2026112XT112805123456Z"})
    EXPECT_EQ(ParseFileTimestamp(text), -1) << text;
}

TEST(Hash, Sha256OfKnownText) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, NameBasedUuidOfTheExampleInTheRfc) {
  EXPECT_EQ(DnsUuidV5("www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(TaskGroup, FirstFailureIsReported) {
  WorkerPool pool(2);
  TaskGroup group(pool);
  for (int i = 0; i < 20; ++i)
    group.Add([i]() -> Status {
      if (i == 7) return Fail(ErrorKind::kDenied, "seven");
      return {};
    });
  auto done = group.Wait();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "seven");
}

TEST(TaskGroup, NestedGroupsOnOneThreadDoNotDeadlock) {
  WorkerPool pool(1);
  std::atomic<int> ran = 0;
  TaskGroup outer(pool);
  for (int i = 0; i < 3; ++i)
    outer.Add([&]() -> Status {
      TaskGroup inner(pool);
      for (int j = 0; j < 3; ++j) inner.Add([&]() -> Status { return ++ran, Status(); });
      return inner.Wait();
    });
  ASSERT_TRUE(outer.Wait());
  EXPECT_EQ(ran, 9);
}

TEST(TaskGroup, ExceptionBecomesInternal) {
  WorkerPool pool(1);
  TaskGroup group(pool);
  group.Add([]() -> Status { throw std::runtime_error("thrown"); });
  auto done = group.Wait();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kInternal);
}

TEST(MemoryBudget, GrantsMoreThanAllWhenNothingIsHeld) {
  MemoryBudget budget(10);
  auto huge = budget.Reserve(50);
  EXPECT_EQ(huge.bytes(), 50);
}

TEST(BoundedQueue, CloseLetsConsumersDrain) {
  BoundedQueue<int> queue(4);
  ASSERT_TRUE(queue.Push(1));
  queue.Close();
  EXPECT_FALSE(queue.Push(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(Failpoint, FailsAtTheAskedHitOnly) {
  ASSERT_TRUE(ArmFailpoint("publish_before=error@2"));
  EXPECT_TRUE(Hit(Failpoint::publish_before));
  EXPECT_TRUE(Hit(Failpoint::publish_after));
  EXPECT_FALSE(Hit(Failpoint::publish_before));
  EXPECT_TRUE(Hit(Failpoint::publish_before));
  EXPECT_EQ(FailpointHits(), 3);
  ASSERT_TRUE(ArmFailpoint(""));
  EXPECT_FALSE(ArmFailpoint("nonsense=error"));
}

TEST(ParseBytes, TakesPowersOf1024) {
  EXPECT_EQ(ParseBytes("4096"), 4096);
  EXPECT_EQ(ParseBytes("128MiB"), 128 << 20);
  EXPECT_EQ(ParseBytes("128M"), 128 << 20);
  EXPECT_EQ(ParseBytes("2k"), 2048);
  EXPECT_EQ(ParseBytes("1TB"), std::int64_t{1} << 40);
  for (auto text : {"", "M", "-1", "1.5G", "1X", "1MiBs", "99999999999T", "0x10", " 1"})
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
}

TEST(ParseMilliseconds, TakesUnits) {
  EXPECT_EQ(ParseMilliseconds("10"), 10'000);
  EXPECT_EQ(ParseMilliseconds("2m"), 120'000);
  EXPECT_EQ(ParseMilliseconds("7d"), 7 * 86'400'000);
  EXPECT_EQ(ParseMilliseconds("1w"), std::nullopt);
  EXPECT_EQ(ParseMilliseconds("9223372036854775807h"), std::nullopt);
}

}  // namespace
}  // namespace tidemark
