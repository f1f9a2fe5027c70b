#include "commit/landing.h"

#include <arrow/type.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "object/memory.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'795'260'485'123'456;  // 2026-11-21T11:28:05.123456Z

TableLayout Layout() { return {{"shop", "main", "orders"}, {"shop", "main", "orders"}}; }

class LandingTest : public testing::Test {
 protected:
  Landing Take(const std::string& run_id) {
    auto landing = Landing::Take(store_, Layout(), run_id, clock_);
    TIDEMARK_CHECK(landing.has_value());
    return *std::move(landing);
  }
  static void Land(Landing& landing, int part, std::string_view text) {
    auto upload = landing.StartFile(part, ".parquet");
    ASSERT_TRUE(upload) << upload.error().message;
    ASSERT_TRUE((*upload)->Write(std::as_bytes(std::span(text))));
    ASSERT_TRUE(landing.SealFile(**upload));
  }
  static LandingCommit CommitOf(std::int64_t version, std::int64_t rows, std::string mode) {
    LandingCommit commit;
    commit.position = {version, "i", "n"};
    commit.source_identity = "source";
    commit.fingerprint = "fp";
    commit.columns = {{"id", arrow::int64(), "integer", {}, {}}};
    commit.key = {"id"};
    commit.retention_seconds = 60;
    commit.summary.mode = std::move(mode);
    commit.summary.version = version;
    commit.summary.rows = rows;
    return commit;
  }
  std::vector<std::string> Keys(std::string_view prefix) {
    std::vector<std::string> keys;
    auto page = store_.List(prefix, {}, 1000);
    for (const auto& object : *page) keys.push_back(object.key);
    return keys;
  }
  std::string StateEtag() { return store_.Get(Layout().StateKey())->etag; }
  LandedState State() { return *Landing::Peek(store_, Layout()); }

  MemoryStore store_;
  FakeClock clock_{kNow};
};

TEST_F(LandingTest, ATableWithoutAStateIsNew) {
  auto state = Landing::Peek(store_, Layout());
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->is_loaded);
  EXPECT_EQ(state->epoch, 0);
  EXPECT_THAT(Keys(""), IsEmpty());
}

TEST_F(LandingTest, ALoadBecomesVisibleWithItsCommit) {
  auto landing = Take("run-1");
  EXPECT_EQ(landing.timestamp_us(), kNow);
  Land(landing, 1, "rows");
  Land(landing, 2, "more");
  EXPECT_EQ(landing.sealed_bytes(), 8);
  EXPECT_THAT(Keys("data/"), IsEmpty());
  ASSERT_TRUE(landing.Commit(CommitOf(10, 5, "full")));
  EXPECT_THAT(
      Keys("data/"),
      ElementsAre(
          "data/shop/main/orders/2026-11-21/main_orders_20261121T112805123456Z_part1.parquet",
          "data/shop/main/orders/2026-11-21/main_orders_20261121T112805123456Z_part2.parquet"));
  auto state = State();
  EXPECT_TRUE(state.is_loaded);
  EXPECT_EQ(state.epoch, 1);
  EXPECT_EQ(state.position.version, 10);
  EXPECT_EQ(state.live_files, 2);
  EXPECT_EQ(state.live_rows, 5);
  EXPECT_EQ(state.retention_seconds, 60);
  EXPECT_EQ(state.landed_at_us, kNow);
  EXPECT_THAT(state.pending, IsEmpty());
  EXPECT_EQ(state.last_run.files, Keys("data/"));
  EXPECT_EQ(state.last_run.bytes, 8);
  EXPECT_EQ(state.last_run.run_id, "run-1");
  EXPECT_THAT(Keys("watermarks/"), ElementsAre("watermarks/shop/main/orders/schema.json",
                                               "watermarks/shop/main/orders/sync_history.jsonl",
                                               "watermarks/shop/main/orders/watermarks.json"));
}

TEST_F(LandingTest, TimestampsGrowEvenWhenTheClockGoesBack) {
  auto first = Take("run-1");
  clock_.Set(kNow - 1'000'000'000);
  auto second = Take("run-2");
  EXPECT_EQ(second.timestamp_us(), kNow + 1);
  Land(second, 1, "a");
  second.AdvanceTimestamp();
  Land(second, 2, "b");
  EXPECT_EQ(second.timestamp_us(), kNow + 1);
  ASSERT_TRUE(second.Commit(CommitOf(1, 2, "full")));
  std::vector<std::int64_t> timestamps;
  for (const auto& key : Keys("data/")) timestamps.push_back(FileTimestamp(key));
  EXPECT_THAT(timestamps, ElementsAre(kNow + 1, kNow + 2));
  EXPECT_EQ(Take("run-3").timestamp_us(), kNow + 3);
}

TEST_F(LandingTest, WhoeverHeldTheTableBeforeIsFencedOff) {
  auto first = Take("run-1");
  Land(first, 1, "old");
  auto second = Take("run-2");
  Land(second, 1, "new");
  auto fenced = first.Commit(CommitOf(1, 1, "full"));
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().kind, ErrorKind::kConflict);
  ASSERT_TRUE(second.Commit(CommitOf(2, 1, "full")));
  EXPECT_EQ(Keys("data/").size(), 1u);
  EXPECT_EQ(store_.Get(Keys("data/")[0])->bytes, "new");
  EXPECT_TRUE(store_.ListSealed("")->empty());
}

TEST_F(LandingTest, TakeSweepsWhatDeadRunsLeft) {
  {
    auto dead = Take("run-1");
    Land(dead, 1, "never committed");
  }
  auto other = store_.StartUpload("data/shop/main/orders_2/f", "run-1");
  EXPECT_EQ(store_.ListSealed("")->size(), 2u);
  Take("run-2");
  auto left = store_.ListSealed("");
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ((*left)[0].key, "data/shop/main/orders_2/f");
}

TEST_F(LandingTest, ACommitWithoutFilesIsOneWrite) {
  auto landing = Take("run-1");
  auto before = std::stoi(StateEtag().substr(1));
  ASSERT_TRUE(landing.Commit(CommitOf(10, 0, "incremental")));
  auto once = State();
  EXPECT_EQ(once.position.version, 10);
  // The state's etag counts every write to the memory store: it came right after the one before.
  EXPECT_EQ(std::stoi(StateEtag().substr(1)), before + 1);
}

TEST_F(LandingTest, AddedFilesCountAndAReplacingRunStartsAnew) {
  auto load = Take("run-1");
  Land(load, 1, "a");
  ASSERT_TRUE(load.Commit(CommitOf(10, 5, "full")));
  auto changes = Take("run-2");
  Land(changes, 1, "b");
  ASSERT_TRUE(changes.Commit(CommitOf(20, 3, "incremental")));
  EXPECT_EQ(State().live_files, 2);
  EXPECT_EQ(State().live_rows, 8);
  EXPECT_EQ(State().base_timestamp_us, 0);

  // A file that the user put there, and one of the system whose folder was adopted.
  ASSERT_TRUE(store_.Put("data/shop/main/orders/notes.parquet", "mine", {}));
  ASSERT_TRUE(store_.Put(
      "data/shop/main/orders/2025-01-01/main_orders_20250101_101112_part0.parquet", "theirs", {}));
  auto again = Take("run-3");
  Land(again, 1, "c");
  again.AdvanceTimestamp();
  Land(again, 2, "d");
  auto commit = CommitOf(30, 4, "full");
  commit.summary.deleted = 1;
  commit.replaces_older_files = true;
  ASSERT_TRUE(again.Commit(std::move(commit)));
  auto state = State();
  EXPECT_EQ(state.base_timestamp_us, again.timestamp_us());
  EXPECT_EQ(state.live_files, 2);
  EXPECT_EQ(state.live_rows, 5);
  EXPECT_THAT(state.remove, IsEmpty());
  auto left = Keys("data/");
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(store_.Get(left[0])->bytes, "c");
  EXPECT_EQ(store_.Get(left[1])->bytes, "d");
  EXPECT_EQ(left[2], "data/shop/main/orders/notes.parquet");
}

TEST_F(LandingTest, DiscardSealedDropsWhatThisRunWrote) {
  auto landing = Take("run-1");
  Land(landing, 1, "narrow");
  ASSERT_TRUE(landing.DiscardSealed());
  EXPECT_EQ(landing.sealed_bytes(), 0);
  EXPECT_TRUE(store_.ListSealed("")->empty());
  Land(landing, 1, "wide");
  ASSERT_TRUE(landing.Commit(CommitOf(1, 1, "full")));
  EXPECT_EQ(store_.Get(Keys("data/")[0])->bytes, "wide");
}

TEST_F(LandingTest, AStateThatCannotBeReadIsNeverTaken) {
  ASSERT_TRUE(store_.Put(Layout().StateKey(), "{\"format_version\": 1", {}));
  for (const auto& error : {Landing::Take(store_, Layout(), "run-1", clock_).error(),
                            Landing::Peek(store_, Layout()).error()}) {
    EXPECT_EQ(error.kind, ErrorKind::kCorrupt);
    EXPECT_NE(error.message.find(Layout().StateKey()), std::string::npos);
  }
  EXPECT_EQ(store_.Get(Layout().StateKey())->bytes, "{\"format_version\": 1");
}

class LoadTest : public LandingTest {
 protected:
  static UnfinishedLoad Slices(std::vector<std::string> slices) {
    UnfinishedLoad load;
    load.fence = {3, "i", "n"};
    load.slices = std::move(slices);
    return load;
  }
  // Files `part` of slice `slice`, kept.
  static void Keep(Landing& landing, int part, const std::string& slice) {
    auto upload = landing.StartFile(part, ".parquet");
    ASSERT_TRUE(upload);
    ASSERT_TRUE((*upload)->Write(std::as_bytes(std::span(slice))));
    auto sealed = Landing::Seal(**upload);
    ASSERT_TRUE(sealed);
    landing.Add(*sealed);
    std::vector<SealedObject> objects = {*sealed};
    ASSERT_TRUE(landing.KeepOfLoad(objects, std::vector{slice}, 10));
  }
  Landing TakeKeeping(const std::string& run_id) {
    auto landing = Landing::Take(store_, Layout(), run_id, clock_, Landing::EarlierLoad::kKeep);
    TIDEMARK_CHECK(landing.has_value());
    return *std::move(landing);
  }
  std::size_t SealedCount() { return store_.ListSealed("data/")->size(); }
};

TEST_F(LoadTest, WhatWasKeptIsInvisibleAndLandsWithTheCommitOfALaterRun) {
  {
    auto landing = Take("run-1");
    landing.BeginLoad(Slices({"a", "b", "c"}));
    Keep(landing, 1, "a");
    Land(landing, 2, "sealed, not kept: swept");
  }
  EXPECT_THAT(Keys("data/"), IsEmpty());
  auto landing = TakeKeeping("run-2");
  ASSERT_TRUE(landing.state().load);
  EXPECT_THAT(landing.state().load->slices, ElementsAre("b", "c"));
  EXPECT_EQ(landing.state().load->rows, 10);
  EXPECT_EQ(SealedCount(), 1u);
  Keep(landing, 1, "b");
  Land(landing, 2, "c");
  ASSERT_TRUE(landing.Commit(CommitOf(5, 30, "full")));
  EXPECT_EQ(Keys("data/").size(), 3u);
  EXPECT_EQ(SealedCount(), 0u);
  auto state = State();
  EXPECT_FALSE(state.load);
  EXPECT_EQ(state.live_files, 3);
  EXPECT_EQ(state.last_run.files.size(), 3u);
  EXPECT_EQ(store_.Get(state.last_run.files[0])->bytes, "a");
}

TEST_F(LoadTest, ARunThatDoesNotGoOnSweepsIt) {
  {
    auto landing = Take("run-1");
    landing.BeginLoad(Slices({"a", "b"}));
    Keep(landing, 1, "a");
  }
  auto landing = Take("run-2");
  EXPECT_FALSE(landing.state().load);
  EXPECT_EQ(SealedCount(), 0u);
}

TEST_F(LoadTest, DiscardingSparesWhatWasKeptAndDroppingDoesNot) {
  auto landing = Take("run-1");
  landing.BeginLoad(Slices({"a", "b"}));
  Keep(landing, 1, "a");
  ASSERT_TRUE(landing.DiscardSealed());
  EXPECT_EQ(SealedCount(), 1u);
  ASSERT_TRUE(landing.DropLoad());
  EXPECT_EQ(SealedCount(), 0u);
  EXPECT_FALSE(State().load);
}

TEST_F(LoadTest, WithoutItsFilesThereIsNothingToGoOnFrom) {
  {
    auto landing = Take("run-1");
    landing.BeginLoad(Slices({"a", "b"}));
    Keep(landing, 1, "a");
    Keep(landing, 2, "b");
  }
  ASSERT_TRUE(store_.Discard(State().load->sealed.front()));
  auto landing = TakeKeeping("run-2");
  EXPECT_FALSE(landing.state().load);
  EXPECT_EQ(SealedCount(), 0u);
}

TEST_F(LoadTest, AFencedRunCanKeepNothing) {
  auto slow = Take("run-1");
  slow.BeginLoad(Slices({"a", "b"}));
  Keep(slow, 1, "a");
  auto landing = TakeKeeping("run-2");
  auto kept = slow.KeepOfLoad({}, std::vector<std::string>{"b"}, 1);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().kind, ErrorKind::kConflict);
  EXPECT_THAT(State().load->slices, ElementsAre("b"));
}

TEST(Layout, FileKeysAndTheirTimestamps) {
  auto layout = Layout();
  auto key = layout.FileKey(kNow, 12, ".parquet");
  EXPECT_EQ(key,
            "data/shop/main/orders/2026-11-21/main_orders_20261121T112805123456Z_part12.parquet");
  EXPECT_EQ(FileTimestamp(key), kNow);
  EXPECT_EQ(layout.StateKey(), "_tidemark/state/shop/main/orders.json");
  EXPECT_EQ(layout.LockKey(), "watermarks/shop/main/orders/.sync.lock");
  for (auto other :
       {"", "data/a/b/c/file.parquet", "main_orders_20250101_101112_part0.parquet",
        "x20261121T112805123456Z_part1.parquet", "x_20261121T112805123456Z_part.parquet",
        "x_20261121T112805123456Z_part1", "x_20261321T112805123456Z_part1.parquet",
        "_20261121T112805123456Z_part1/x.parquet"})
    EXPECT_EQ(FileTimestamp(other), -1) << other;
}

TEST(Layout, LongNamesFitAFilesName) {
  std::string longest(120, 's');
  TableLayout layout{{"d", longest, longest}, {"d", longest, longest}};
  auto key = layout.FileKey(kNow, 123456, ".parquet");
  EXPECT_LE(key.size() - key.rfind('/') - 1, 255u);
  EXPECT_EQ(FileTimestamp(key), kNow);
}

}  // namespace
}  // namespace tidemark
