#include <gtest/gtest.h>

#include <atomic>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/memory_budget.h"
#include "base/text.h"
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

TEST(Hash, BytesOfHexReadsWhatHexOfWrites) {
  using namespace std::string_view_literals;
  for (auto bytes : {""sv, "a"sv, "\0\xff\x7f\x80"sv}) EXPECT_EQ(BytesOfHex(HexOf(bytes)), bytes);
  EXPECT_EQ(HexOf("\x09\xaf"), "09af");
  for (auto text : {"0", "abc", "AB", "0x", "g0", "0g", " 0"})
    EXPECT_FALSE(BytesOfHex(text)) << text;
}

TEST(Text, CaseIsThatOfAToZAlone) {
  EXPECT_EQ(AsciiLower("@AZ[`az{\xc3\x84"), "@az[`az{\xc3\x84");
  EXPECT_TRUE(EqualsNoCase("Orders", "oRDERS"));
  EXPECT_TRUE(EqualsNoCase("", ""));
  EXPECT_FALSE(EqualsNoCase("order", "orders"));
  EXPECT_FALSE(EqualsNoCase("\xc3\x84", "\xc3\xa4"));
  // 32 apart, and no letters.
  EXPECT_FALSE(EqualsNoCase("@[", "`{"));
}

TEST(Text, EditDistanceCountsSteps) {
  struct Case {
    std::string_view a, b;
    std::size_t distance;
  };
  for (const auto& [a, b, distance] :
       {Case{"", "", 0}, Case{"", "abc", 3}, Case{"orders", "ORDERS", 0},
        Case{"order", "orders", 1}, Case{"ordres", "orders", 1}, Case{"orders", "odders", 1},
        Case{"kitten", "sitting", 3}, Case{"ab", "ba", 1}, Case{"ca", "abc", 3}}) {
    EXPECT_EQ(EditDistance(a, b), distance) << a << " " << b;
    EXPECT_EQ(EditDistance(b, a), distance) << b << " " << a;
  }
}

TEST(Text, FindNotUtf8AcceptsAndRefuses) {
  using namespace std::string_view_literals;
  for (auto text : {""sv, "plain"sv, "a\0b"sv, "eight by\xc3\xa9"sv, "\xe2\x82\xac"sv,
                    "\xf0\x9f\x98\x80"sv, "\xf4\x8f\xbf\xbf"sv, "\xed\x9f\xbf"sv}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    EXPECT_EQ(FindNotUtf8(std::string(text) + "\xff"), text.size()) << text;
  }
  for (auto text : {"\xff"sv, "\x80"sv, "\xc0\x80"sv, "\xc3"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv,
                    "\xf0\x80\x80\x80"sv, "\xf4\x90\x80\x80"sv, "12345678\xc3"sv})
    EXPECT_FALSE(IsUtf8(text)) << text;
}

TEST(Text, AppendUtf8AtTheEdgesOfEachLength) {
  std::string text;
  for (std::uint32_t code : {0x0u, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xffffu, 0x10000u, 0x10ffffu})
    AppendUtf8(code, text);
  using namespace std::string_view_literals;
  EXPECT_EQ(text,
            "\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"sv);
}

TEST(Text, PartsAreUnmistakable) {
  std::string one, two;
  AppendPart("a", one);
  AppendPart("b1:c", one);
  AppendPart("ab", two);
  AppendPart("1:c", two);
  EXPECT_EQ(one, "1:a4:b1:c");
  EXPECT_NE(one, two);
}

TEST(LeadingInteger, LeavesWhatFollows) {
  auto found = LeadingInteger("12MiB");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first, 12);
  EXPECT_EQ(found->second, "MiB");
  EXPECT_EQ(LeadingInteger("9223372036854775807")->second, "");
  for (auto text : {"", "MiB", "-1", "+1", " 1", "9223372036854775808"})
    EXPECT_FALSE(LeadingInteger(text)) << text;
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
