#include "source/sqlite/column_builder.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <limits>

namespace tidemark::sqlite {
namespace {

Table OneColumn(std::shared_ptr<arrow::DataType> type, bool has_class = false) {
  Table table;
  table.name = {"d", "main", "t"};
  table.columns.push_back({"c", type, "", std::nullopt, {}});
  if (has_class) table.columns.push_back({"c__type", arrow::utf8(), "", std::nullopt, "c"});
  return table;
}

BatchBuilder Builder(const Table& table) {
  auto builder = BatchBuilder::Make(table);
  EXPECT_TRUE(builder);
  return std::move(*builder);
}

// What each declaration promises.
TEST(PromisedType, FollowsTheDeclaration) {
  const std::pair<const char*, std::shared_ptr<arrow::DataType>> kCases[] = {
      {"INTEGER", arrow::int64()},
      {"bigint", arrow::int64()},
      {"POINT", arrow::int64()},
      {"REAL", arrow::float64()},
      {"double precision", arrow::float64()},
      {"BOOLEAN", arrow::boolean()},
      {"DATE", arrow::date32()},
      {"DATETIME", arrow::timestamp(arrow::TimeUnit::MICRO)},
      {"timestamp without time zone", arrow::timestamp(arrow::TimeUnit::MICRO)},
      {"VARCHAR(20)", arrow::utf8()},
      {"JSON", arrow::utf8()},
      {"UUID", arrow::utf8()},
      {"BLOB", arrow::binary()},
      {"", arrow::int64()},
      {"DECIMAL(10,2)", arrow::float64()},
      {"UPDATED", arrow::int64()}};
  for (const auto& [declared, type] : kCases)
    EXPECT_TRUE(PromisedType(declared)->Equals(type)) << declared;
}

// Real calendar days in one spelling, and nothing else.
TEST(ParseDate, RealDays) {
  std::int32_t days = 0;
  EXPECT_TRUE(ParseDate("1970-01-01", &days));
  EXPECT_EQ(days, 0);
  EXPECT_TRUE(ParseDate("2000-02-29", &days));
  EXPECT_EQ(days, 11016);
  EXPECT_TRUE(ParseDate("0000-01-01", &days));
  EXPECT_EQ(days, -719528);
  EXPECT_TRUE(ParseDate("9999-12-31", &days));
  EXPECT_EQ(days, 2932896);
  for (auto text : {"1900-02-29", "2023-02-29", "2024-00-01", "2024-13-01", "2024-01-00",
                    "2024-04-31", "2024-1-011", "2024/01/01", "20240101", "2024-01-01 ",
                    "x024-01-01", "202:-01-01", "2024-0/-01", "2024-01-0a", ""})
    EXPECT_FALSE(ParseDate(text, &days)) << text;
}

TEST(ParseTimestamp, RealTimes) {
  std::int64_t us = 0;
  EXPECT_TRUE(ParseTimestamp("1970-01-01 00:00:01", &us));
  EXPECT_EQ(us, 1'000'000);
  EXPECT_TRUE(ParseTimestamp("1969-12-31T23:59:59.5", &us));
  EXPECT_EQ(us, -500'000);
  EXPECT_TRUE(ParseTimestamp("1970-01-01 00:00:00.000001", &us));
  EXPECT_EQ(us, 1);
  for (auto text : {"1970-01-01", "1970-01-01 24:00:00", "1970-01-01 00:60:00",
                    "1970-01-01 00:00:60", "1970-01-01 00:00:00.", "1970-01-01 00:00:00.1234567",
                    "1970-01-01 00:00:00Z", "1970-01-01_00:00:00", "1970-01-01 00:00"})
    EXPECT_FALSE(ParseTimestamp(text, &us)) << text;
}

// Each type takes exactly the values it stands for.
TEST(BatchBuilder, Misfits) {
  auto boolean = Builder(OneColumn(arrow::boolean()));
  EXPECT_TRUE(boolean.AppendInt(0, 1));
  EXPECT_FALSE(boolean.AppendInt(0, 2));
  auto integer = Builder(OneColumn(arrow::int64()));
  EXPECT_TRUE(integer.AppendInt(0, std::numeric_limits<std::int64_t>::min()));
  EXPECT_FALSE(integer.AppendReal(0, 1.0));
  EXPECT_FALSE(integer.AppendText(0, "1"));
  auto real = Builder(OneColumn(arrow::float64()));
  EXPECT_TRUE(real.AppendInt(0, std::int64_t{1} << 53));
  EXPECT_FALSE(real.AppendInt(0, (std::int64_t{1} << 53) + 1));
  EXPECT_FALSE(real.AppendBlob(0, ""));
  auto date = Builder(OneColumn(arrow::date32()));
  EXPECT_TRUE(date.AppendText(0, "2024-02-29"));
  EXPECT_FALSE(date.AppendText(0, "2023-02-29"));
  EXPECT_FALSE(date.AppendInt(0, 5));
  auto text = Builder(OneColumn(arrow::utf8()));
  EXPECT_TRUE(text.AppendText(0, "x"));
  EXPECT_FALSE(text.AppendText(0, "\xff"));
  EXPECT_FALSE(text.AppendBlob(0, "x"));
  auto blob = Builder(OneColumn(arrow::binary()));
  EXPECT_TRUE(blob.AppendBlob(0, "\xff"));
  EXPECT_FALSE(blob.AppendText(0, "x"));
  auto keyed = OneColumn(arrow::int64());
  keyed.key = {"c"};
  EXPECT_FALSE(Builder(keyed).AppendNull(0));
}

// A widened column says what it renders, and of which storage class it was.
TEST(BatchBuilder, StorageClasses) {
  auto builder = Builder(OneColumn(arrow::binary(), true));
  EXPECT_TRUE(builder.AppendInt(0, -5));
  builder.EndRow();
  for (double value : {1.5, 3.0, 1e300, -0.0, std::numeric_limits<double>::infinity(), 0.1}) {
    EXPECT_TRUE(builder.AppendReal(0, value));
    builder.EndRow();
  }
  EXPECT_TRUE(builder.AppendText(0, "5"));
  builder.EndRow();
  EXPECT_TRUE(builder.AppendNull(0));
  builder.EndRow();
  EXPECT_TRUE(builder.AppendBlob(0, "b"));
  builder.EndRow();
  auto batch = builder.Finish();
  ASSERT_TRUE(batch);
  ASSERT_TRUE((*batch)->ValidateFull().ok());
  const auto& values = static_cast<const arrow::BinaryArray&>(*(*batch)->column(0));
  const auto& classes = static_cast<const arrow::StringArray&>(*(*batch)->column(1));
  const char* kWant[][2] = {{"-5", "integer"},    {"1.5", "real"},  {"3.0", "real"},
                            {"1.0e+300", "real"}, {"-0.0", "real"}, {"Infinity", "real"},
                            {"0.1", "real"},      {"5", "text"},    {nullptr, nullptr},
                            {"b", "blob"}};
  for (std::int64_t row = 0; row < (*batch)->num_rows(); ++row) {
    ASSERT_EQ(values.IsNull(row), kWant[row][0] == nullptr);
    ASSERT_EQ(classes.IsNull(row), kWant[row][0] == nullptr);
    if (values.IsNull(row)) continue;
    EXPECT_EQ(values.GetView(row), kWant[row][0]);
    EXPECT_EQ(classes.GetView(row), kWant[row][1]);
  }
}

// Batches after the first begin empty, and NULLs anywhere keep the rows apart.
TEST(BatchBuilder, SeveralBatches) {
  Table table = OneColumn(arrow::utf8());
  table.columns.push_back({"n", arrow::int64(), "", std::nullopt, {}});
  table.columns.push_back({"o", arrow::boolean(), "", std::nullopt, {}});
  auto builder = Builder(table);
  for (std::int64_t rows : {3, 1000, 0, 5000}) {
    for (std::int64_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(i % 3 == 1 ? builder.AppendNull(0) : builder.AppendText(0, std::to_string(i)));
      ASSERT_TRUE(i % 700 == 699 ? builder.AppendNull(1) : builder.AppendInt(1, i));
      ASSERT_TRUE(builder.AppendInt(2, i % 2));
      builder.EndRow();
    }
    auto batch = builder.Finish();
    ASSERT_TRUE(batch);
    ASSERT_TRUE((*batch)->ValidateFull().ok()) << (*batch)->ValidateFull().ToString();
    ASSERT_EQ((*batch)->num_rows(), rows);
    EXPECT_EQ(builder.rows(), 0);
    EXPECT_EQ(builder.bytes(), 0);
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto& text = static_cast<const arrow::StringArray&>(*(*batch)->column(0));
      ASSERT_EQ(text.IsNull(i), i % 3 == 1);
      if (!text.IsNull(i)) {
        ASSERT_EQ(text.GetView(i), std::to_string(i));
      }
      const auto& number = static_cast<const arrow::Int64Array&>(*(*batch)->column(1));
      ASSERT_EQ(number.IsNull(i), i % 700 == 699);
      if (!number.IsNull(i)) {
        ASSERT_EQ(number.Value(i), i);
      }
      ASSERT_EQ(static_cast<const arrow::BooleanArray&>(*(*batch)->column(2)).Value(i), i % 2 == 1);
    }
  }
}

}  // namespace
}  // namespace tidemark::sqlite
