#include "fold/row_bytes.h"

#include <cmath>
#include <limits>
#include <set>

#include "fold/fold_test_table.h"

namespace tidemark {
namespace {

std::vector<std::string> BytesOf(const arrow::RecordBatch& batch) {
  std::vector<int> columns;
  for (int column = 0; column < batch.num_columns(); ++column) columns.push_back(column);
  RowEncoder encoder;
  EXPECT_TRUE(encoder.Start(batch, columns, 0).has_value());
  std::vector<std::string> bytes;
  while (*encoder.Next())
    for (std::int64_t i = 0; i < encoder.rows(); ++i) bytes.emplace_back(encoder.Whole(i));
  return bytes;
}

std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::Array>& array) {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("v", array->type())}),
                                  array->length(), {array});
}

std::shared_ptr<arrow::Array> Texts(const std::shared_ptr<arrow::DataType>& type,
                                    const std::vector<std::optional<std::string>>& values) {
  std::vector<std::vector<std::optional<std::string>>> rows;
  for (const auto& value : values) rows.push_back({value});
  return BatchOf(arrow::schema({arrow::field("v", type)}), rows)->column(0);
}

// Every type, sliced so that offsets count, comes back as it was.
TEST(RowBytes, EveryTypeComesBack) {
  using namespace arrow;  // type factories
  std::vector<std::pair<std::shared_ptr<DataType>, std::vector<std::optional<std::string>>>> cases =
      {
          {boolean(), {"true", "false", {}}},
          {int8(), {"-128", "127", {}}},
          {int16(), {"-32768", "1", {}}},
          {int32(), {"-2147483648", "2147483647", {}}},
          {int64(), {"-9223372036854775808", "9223372036854775807", {}}},
          {uint8(), {"255", {}}},
          {uint16(), {"65535", {}}},
          {uint32(), {"4294967295", {}}},
          {uint64(), {"18446744073709551615", "1", {}}},
          {float32(), {"1.5", "-0.0", {}}},
          {float64(), {"-0.0", "0.0", "1e308", {}}},
          {utf8(), {"", "a", "\xc3\xa9", {}, "long enough to leave the inline size"}},
          {large_utf8(), {"", "a", {}}},
          {binary(), {"", std::string("\0\xff", 2), {}}},
          {fixed_size_binary(2), {"ab", {}}},
          {decimal128(20, 2), {"-1.50", "123456789012345678.99", {}}},
          {decimal256(60, 3),
           {"-1.500", "12345678901234567890123456789012345678901234567890.125", {}}},
          {date32(), {"1969-12-31", "2026-11-21", {}}},
          {time32(TimeUnit::SECOND), {"23:59:59", {}}},
          {time32(TimeUnit::MILLI), {"23:59:59.999", {}}},
          {time64(TimeUnit::MICRO), {"00:00:00.000001", {}}},
          {time64(TimeUnit::NANO), {"00:00:00.000000001", {}}},
          {timestamp(TimeUnit::SECOND), {"0001-01-01 00:00:00", "9999-12-31 23:59:59", {}}},
          {timestamp(TimeUnit::MILLI), {"1969-12-31 23:59:59.999", {}}},
          {timestamp(TimeUnit::MICRO),
           {"0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999"}},
          {timestamp(TimeUnit::NANO), {"1969-12-31 23:59:59.999999999", {}}},
          {duration(TimeUnit::MILLI), {"-1", "86400001", {}}},
      };
  for (const auto& [type, values] : cases) {
    SCOPED_TRACE(type->ToString());
    auto padded = values;
    padded.insert(padded.begin(), 3, std::nullopt);
    auto batch = OneColumn(Texts(type, padded))->Slice(2);
    auto decoder = RowDecoder::Make(batch->schema(), {0});
    ASSERT_TRUE(decoder.has_value());
    for (const auto& bytes : BytesOf(*batch)) ASSERT_TRUE(decoder->Append(bytes).has_value());
    auto back = decoder->Finish();
    ASSERT_TRUE(back.has_value());
    ASSERT_TRUE((*back)->ValidateFull().ok());
    EXPECT_TRUE(
        (*back)->Equals(*batch, false, arrow::EqualOptions::Defaults().signed_zeros_equal(false)))
        << (*back)->ToString();
  }
}

// Readers choose widths, offset sizes and dictionaries; the value is the same.
TEST(RowBytes, RepresentationDoesNotMatter) {
  auto same = [](const std::vector<std::shared_ptr<arrow::Array>>& arrays) {
    for (const auto& array : arrays)
      EXPECT_EQ(BytesOf(*OneColumn(array)), BytesOf(*OneColumn(arrays[0])))
          << array->type()->ToString();
  };
  same({Texts(arrow::int64(), {"7", {}}), Texts(arrow::int8(), {"7", {}}),
        Texts(arrow::uint64(), {"7", {}}), Texts(arrow::int32(), {"7", {}})});
  same({Texts(arrow::float64(), {"0.25"}), Texts(arrow::float32(), {"0.25"})});
  arrow::StringDictionaryBuilder dictionary;
  for (auto text : {"a", "b", "a"}) ASSERT_TRUE(dictionary.Append(text).ok());
  ASSERT_TRUE(dictionary.AppendNull().ok());
  same({Texts(arrow::utf8(), {"a", "b", "a", {}}), Texts(arrow::large_utf8(), {"a", "b", "a", {}}),
        *dictionary.Finish()});
  same({Texts(arrow::decimal128(10, 2), {"-1.25"}), Texts(arrow::decimal256(60, 2), {"-1.25"})});
  same({Texts(arrow::timestamp(arrow::TimeUnit::SECOND), {"1969-12-31 23:59:59"}),
        Texts(arrow::timestamp(arrow::TimeUnit::NANO), {"1969-12-31 23:59:59"})});
}

TEST(RowBytes, DifferentValuesDiffer) {
  std::set<std::vector<std::string>> all;
  std::vector<std::shared_ptr<arrow::Array>> arrays = {Texts(arrow::utf8(), {{}}),
                                                       Texts(arrow::utf8(), {""}),
                                                       Texts(arrow::binary(), {""}),
                                                       Texts(arrow::utf8(), {"1"}),
                                                       Texts(arrow::binary(), {"1"}),
                                                       Texts(arrow::int64(), {"1"}),
                                                       Texts(arrow::float64(), {"1"}),
                                                       Texts(arrow::float64(), {"0.0"}),
                                                       Texts(arrow::float64(), {"-0.0"}),
                                                       Texts(arrow::boolean(), {"true"}),
                                                       Texts(arrow::decimal128(5, 0), {"1"}),
                                                       Texts(arrow::decimal128(5, 1), {"1.0"})};
  for (const auto& array : arrays) EXPECT_TRUE(all.insert(BytesOf(*OneColumn(array))).second);
}

// Readers hold -0.0 and 0.0 for one key; as values they stay two.
TEST(RowBytes, ZerosAreOneKey) {
  auto zeros = BatchOf(
      arrow::schema({arrow::field("a", arrow::float64()), arrow::field("b", arrow::float64())}),
      {{"0.0", "0.0"}, {"-0.0", "-0.0"}, {{}, {}}});
  RowEncoder encoder;
  ASSERT_TRUE(encoder.Start(*zeros, std::vector{0, 1}, 1));
  auto has_run = encoder.Next();
  ASSERT_TRUE(has_run && *has_run);
  EXPECT_EQ(encoder.Key(0), encoder.Key(1));
  EXPECT_NE(encoder.Rest(0), encoder.Rest(1));
  EXPECT_NE(encoder.Key(0), encoder.Key(2));
}

TEST(RowBytes, AllNaNsAreOne) {
  arrow::DoubleBuilder builder;
  ASSERT_TRUE(builder.Append(std::numeric_limits<double>::quiet_NaN()).ok());
  ASSERT_TRUE(builder.Append(-std::nan("7")).ok());
  auto bytes = BytesOf(*OneColumn(*builder.Finish()));
  EXPECT_EQ(bytes[0], bytes[1]);
}

// ("ab", "c") and ("a", "bc") have the same letters.
TEST(RowBytes, ValuesDoNotRunIntoEachOther) {
  auto schema = arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("b", arrow::utf8())});
  auto bytes = BytesOf(*BatchOf(schema, {{"ab", "c"}, {"a", "bc"}, {{}, "abc"}, {"abc", {}}}));
  EXPECT_EQ(std::set(bytes.begin(), bytes.end()).size(), 4u);
}

// Runs are bounded; a row larger than a run is a run of its own.
TEST(RowBytes, LargeRowsComeInRunsOfTheirOwn) {
  std::vector<std::optional<std::string>> values;
  for (int i = 0; i < 6; ++i) values.push_back(std::string(300'000u * (1 + i % 3), 'a' + i));
  auto batch = OneColumn(Texts(arrow::utf8(), values));
  RowEncoder encoder;
  std::vector<int> columns = {0};
  ASSERT_TRUE(encoder.Start(*batch, columns, 1).has_value());
  std::int64_t row = 0;
  while (*encoder.Next()) {
    EXPECT_EQ(encoder.first_row(), row);
    EXPECT_LE(encoder.rows(), 1);
    EXPECT_EQ(encoder.Key(0).substr(5), *values[static_cast<std::size_t>(row)]);
    EXPECT_TRUE(encoder.Rest(0).empty());
    row += encoder.rows();
  }
  EXPECT_EQ(row, 6);
}

}  // namespace
}  // namespace tidemark
