#include "fold/fold_test_table.h"

namespace tidemark {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000;

std::shared_ptr<arrow::RecordBatch> OneRow() {
  return BatchOf(arrow::schema({arrow::field("id", arrow::int64())}), {{"1"}});
}

TEST(ListLandedFiles, OrdersByTimestampThenPartAsNumber) {
  TestTable table({{"id", arrow::int64()}}, {"id"});
  std::vector<std::string> keys;
  for (auto [timestamp, part] : {std::pair(0, 2), {0, 10}, {0, 9}, {-3, 1}, {86'400'000'000, 0}})
    keys.push_back(table.AddFile(kStart + timestamp, part, *OneRow()));
  auto landed = ListLandedFiles(table.store, table.layout, table.state);
  ASSERT_TRUE(landed.has_value());
  std::vector<std::string> got;
  for (const auto& file : landed->files) got.push_back(file.key);
  EXPECT_EQ(got, (std::vector<std::string>{keys[3], keys[0], keys[2], keys[1], keys[4]}));
  EXPECT_TRUE(landed->missing.empty());
}

TEST(ListLandedFiles, NamesWhatWasRemoved) {
  TestTable table({{"id", arrow::int64()}}, {"id"});
  std::vector<std::string> keys;
  for (int part = 0; part < 4; ++part) keys.push_back(table.AddFile(kStart, part, *OneRow()));
  auto history = table.layout.WatermarkPrefix() + "sync_history.jsonl";
  ASSERT_TRUE(table.store
                  .Put(history,
                       R"({"files": [")" + keys[0] + R"(", ")" + keys[1] + "\"]}\n" +
                           R"({"files": ["elsewhere/x.parquet", 7], "mode": "full"})" + "\n{\"torn",
                       {})
                  .has_value());
  table.state.last_run.files = {keys[2]};
  auto removed = std::vector<std::string>{keys[1], keys[2], keys[3]};
  ASSERT_TRUE(table.store.Delete(removed).has_value());
  auto landed = ListLandedFiles(table.store, table.layout, table.state);
  ASSERT_TRUE(landed.has_value());
  EXPECT_EQ(landed->files.size(), 1u);
  ASSERT_EQ(landed->missing.size(), 3u);
  EXPECT_EQ(landed->missing[0], keys[1]);
  EXPECT_EQ(landed->missing[1], keys[2]);
  EXPECT_NE(landed->missing[2].find("1 of 4 files"), std::string::npos) << landed->missing[2];
}

TEST(ListLandedFiles, ManyPagesOfFiles) {
  TestTable table({{"id", arrow::int64()}}, {"id"});
  for (int i = 0; i < 2500; ++i)
    ASSERT_TRUE(table.store.Put(table.layout.FileKey(kStart + i, 0, ".parquet"), "x", {}));
  table.state.last_timestamp_us = kStart + 5000;
  auto landed = ListLandedFiles(table.store, table.layout, table.state);
  ASSERT_TRUE(landed.has_value());
  EXPECT_EQ(landed->files.size(), 2500u);
}

TEST(ListLandedFiles, WhatIsCommittedAndNotVisibleIsWaitedFor) {
  TestTable table({{"id", arrow::int64()}}, {"id"});
  auto key = table.AddFile(kStart, 0, *OneRow());
  table.state.pending = {{key, "token", 1}};
  EXPECT_TRUE(ListLandedFiles(table.store, table.layout, table.state).has_value());
  ASSERT_TRUE(table.store.Delete(std::vector{key}).has_value());
  auto landed = ListLandedFiles(table.store, table.layout, table.state);
  ASSERT_FALSE(landed.has_value());
  EXPECT_EQ(landed.error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace tidemark
