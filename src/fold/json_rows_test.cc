#include "fold/json_rows.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "encode/sample_rows.h"
#include "encode/unified/row_json.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<JsonRows> RowsOf(const arrow::Schema& schema) {
  std::vector<JsonRows::Member> members;
  for (const auto& field : schema.fields()) members.push_back({field->name(), field->type()});
  auto rows = JsonRows::Make(members);
  EXPECT_TRUE(rows) << rows.error().message;
  return std::move(*rows);
}

// Rows as the fold compares them.
std::vector<std::string> BytesOf(const arrow::RecordBatch& batch) {
  std::vector<int> columns;
  for (int i = 0; i < batch.num_columns(); ++i) columns.push_back(i);
  RowEncoder encoder;
  EXPECT_TRUE(encoder.Start(batch, columns, 0));
  std::vector<std::string> rows;
  while (*encoder.Next())
    for (std::int64_t i = 0; i < encoder.rows(); ++i) rows.emplace_back(encoder.Whole(i));
  return rows;
}

TEST(JsonRows, EveryTypeComesBackToTheSameBytes) {
  const auto table = SampleRows(2'000, 5)->CombineChunks().ValueOrDie();
  arrow::TableBatchReader batches(*table);
  auto batch = *batches.Next();
  const auto json = RowJson::Make(*batch->schema(), 0);
  ASSERT_TRUE(json) << json.error().message;
  pq::ByteBuffer text;
  ASSERT_EQ(*json->Append(*batch, 0, batch->num_rows(), SIZE_MAX, text), batch->num_rows());
  auto rows = RowsOf(*batch->schema());
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, text.data() + at, 4);
    auto read = rows->Append({reinterpret_cast<const char*>(text.data()) + at + 4, size});
    ASSERT_TRUE(read) << read.error().message;
    at += 4 + size;
  }
  EXPECT_EQ(BytesOf(**rows->Finish()), BytesOf(*batch));
}

TEST(JsonRows, MembersAreFoundInAnyOrderAndSpelling) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b\n", arrow::utf8())});
  auto rows = RowsOf(*schema);
  for (const char* text : {R"({"a":1,"b\n":"x"})",
                           R"( { "\u0062\u000a" : "\u00e9\ud83c\udf0a" , "c":"\"}", "a":-5 } )",
                           R"({"b\n":null})", R"({})"})
    ASSERT_TRUE(rows->Append(text)) << text;
  const auto batch = *rows->Finish();
  ASSERT_EQ(batch->num_rows(), 4);
  const auto& numbers = static_cast<const arrow::Int64Array&>(*batch->column(0));
  const auto& texts = static_cast<const arrow::StringArray&>(*batch->column(1));
  EXPECT_EQ(numbers.Value(0), 1);
  EXPECT_EQ(numbers.Value(1), -5);
  EXPECT_TRUE(numbers.IsNull(2) && numbers.IsNull(3));
  EXPECT_EQ(texts.GetView(0), "x");
  EXPECT_EQ(texts.GetView(1), "\xC3\xA9\xF0\x9F\x8C\x8A");
  EXPECT_TRUE(texts.IsNull(2) && texts.IsNull(3));
}

TEST(JsonRows, WhatIsNotARowIsRefusedByName) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("r", arrow::float64()),
                     arrow::field("b", arrow::binary()), arrow::field("d", arrow::date32()),
                     arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO)),
                     arrow::field("x", arrow::boolean())});
  for (const char* text : {"",
                           "null",
                           "[]",
                           "{",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{\"a\":1}}",
                           "{a:1}",
                           R"({"a":1.5})",
                           R"({"a":"1"})",
                           R"({"a":9223372036854775808})",
                           R"({"a":true})",
                           R"({"a":1,"a":2})",
                           R"({"r":inf})",
                           R"({"r":nan})",
                           R"({"r":"inf"})",
                           R"({"r":-})",
                           R"({"b":"Zg"})",
                           R"({"b":"Z*=="})",
                           R"({"b":1})",
                           R"({"d":"2023-02-29"})",
                           R"({"d":"2023-02-28x"})",
                           R"({"d":"23-02-28"})",
                           R"({"t":"2023-02-28T24:00:00"})",
                           R"({"t":"2023-02-28"})",
                           R"({"t":"+999999999-01-01T00:00:00"})",
                           R"({"x":1})",
                           R"({"a":1)"
                           "\"",
                           R"({"y":{"z":1}})",
                           R"({"b":"\ud800"})",
                           R"({"b":"\q"})"}) {
    auto read = RowsOf(*schema)->Append(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
    const bool is_of_r = std::string_view(text).starts_with(R"({"r)");
    EXPECT_THAT(read.error().message, HasSubstr(is_of_r ? "\"r\"" : "a row")) << text;
  }
  auto rows = *JsonRows::Make({{"id", arrow::int64(), true}});
  EXPECT_FALSE(rows->Append("{}"));
}

}  // namespace
}  // namespace tidemark
