// Types that no recording of a real server has, from the protocol's document, and what a server
// that lies gets. Every value goes through small rows and through columns.
#include "source/sqlserver/tds/decode.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/sqlserver/tds/tokens.h"
#include "tests/support/tds_columns.h"
#include "tests/support/tds_reply.h"

namespace tidemark::tds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<ResultColumn> ColumnsOf(Input* input) {
  input->Skip(1);
  auto columns = ReadColMetadata(*input);
  EXPECT_TRUE(columns) << columns.error().message;
  return std::move(columns).value();
}

std::string TextOf(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return "null";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  return std::get<std::string>(value);
}

// As Arrow prints it; bytes in hexadecimal digits.
std::string TextOf(const arrow::Array& array) {
  auto scalar = array.GetScalar(0).ValueOrDie();
  const bool is_bytes =
      arrow::is_base_binary_like(array.type_id()) || arrow::is_fixed_size_binary(array.type_id());
  if (!scalar->is_valid || !is_bytes || arrow::is_decimal(array.type_id()))
    return scalar->ToString();
  const auto& bytes = *static_cast<const arrow::BaseBinaryScalar&>(*scalar).value;
  return arrow::is_string(array.type_id()) ? bytes.ToString() : bytes.ToHexString();
}

// One column, one value: the reply, and both ways to read it.
struct One {
  std::string type_info, cell;
  std::string reply() const {
    return ColMetadata({{"c", Hex(type_info)}}) + RowToken({Hex(cell)}) + DoneToken();
  }
  Result<std::string> AsValue() const {
    const auto bytes = reply();
    MemoryInput input(bytes);
    auto columns = ColumnsOf(&input);
    input.Skip(1);
    return TextOf(TRY(ReadRow(input, columns)).front());
  }
  // `type` null: the default. Columns beside it follow after a blank.
  Result<std::string> AsColumn(std::shared_ptr<arrow::DataType> type = nullptr) const {
    const auto bytes = reply();
    MemoryInput input(bytes, 1);
    auto columns = ColumnsOf(&input);
    auto made = MakeDefaultColumns(columns);
    if (type) {
      made.outputs = {{0, Part::kValue, type, false}};
      made.schema = arrow::schema({arrow::field("c", type)});
    }
    auto decoder = TRY(RowDecoder::Make(columns, made.outputs, made.schema, {}));
    EXPECT_FALSE(TRY(decoder.Decode(input)));
    auto batch = TRY(decoder.Finish());
    EXPECT_TRUE(batch->ValidateFull().ok());
    std::string text;
    for (const auto& column : batch->columns())
      text += (text.empty() ? "" : " | ") + TextOf(*column);
    return text;
  }
};

struct Known {
  const char* type_info;
  const char* cell;
  const char* value;   // as a small row gives it
  const char* column;  // as Arrow prints it
};

TEST(TdsTypes, EdgeValuesAreReadBitForBit) {
  const Known all[] = {
      {"30", "00", "0", "0"},
      {"30", "ff", "255", "255"},
      {"32", "00", "0", "false"},
      {"68 01", "01 01", "1", "true"},
      {"68 01", "00", "null", "null"},
      {"34", "0080", "-32768", "-32768"},
      {"38", "00000080", "-2147483648", "-2147483648"},
      {"7f", "0000000000000080", "-9223372036854775808", "-9223372036854775808"},
      {"26 08", "08 ffffffffffffff7f", "9223372036854775807", "9223372036854775807"},
      {"26 01", "01 ff", "255", "255"},
      {"3b", "0000c03f", "1.5", "1.5"},
      {"6d 08", "08 9a9999999999b93f", "0.1", "0.1"},
      {"3c", "00000080 00000000", "-922337203685477.5808", "-922337203685477.5808"},
      {"3c", "ffffff7f ffffffff", "922337203685477.5807", "922337203685477.5807"},
      {"6e 08", "08 ffffffff ffffffff", "-0.0001", "-0.0001"},
      {"7a", "00000080", "-214748.3648", "-214748.3648"},
      {"6e 04", "04 ffffff7f", "214748.3647", "214748.3647"},
      {"6a 11 26 00", "11 00 ffffffff3f228a097ac4865aa84c3b4b",
       "-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"},
      {"6a 11 26 26", "11 01 ffffffff3f228a097ac4865aa84c3b4b",
       "0.99999999999999999999999999999999999999", "0.99999999999999999999999999999999999999"},
      {"6c 11 1c 02", "0d 01 010000000000000001000000", "184467440737095516.17",
       "184467440737095516.17"},
      {"6a 11 05 05", "05 00 01000000", "-0.00001", "-0.00001"},
      {"6a 05 05 02", "05 00 00000000", "0.00", "0.00"},
      {"28", "03 000000", "0001-01-01", "0001-01-01"},
      {"28", "03 dab937", "9999-12-31", "9999-12-31"},
      {"28", "03 07f80a", "1969-02-28", "1969-02-28"},
      {"29 07", "05 ffbf692ac9", "23:59:59.9999999", "23:59:59.9999999"},
      {"29 00", "03 7f5101", "23:59:59", "23:59:59"},
      {"29 03", "04 01000000", "00:00:00.001", "00:00:00.001"},
      {"2a 00", "06 000000 000000", "0001-01-01T00:00:00", "0001-01-01 00:00:00.000000"},
      {"2a 07", "08 ffbf692ac9 dab937", "9999-12-31T23:59:59.9999999",
       "9999-12-31 23:59:59.999999 | 9"},
      {"2a 07", "08 0b00000000 000000", "0001-01-01T00:00:00.0000011",
       "0001-01-01 00:00:00.000001 | 1"},
      {"2a 07", "00", "null", "null | null"},
      {"2a 03", "07 2e8ba80046460b", "2024-01-02T03:04:05.678", "2024-01-02 03:04:05.678000"},
      {"2a 05", "08 9fd8370500 46460b", "2024-01-02T00:14:35.46015", "2024-01-02 00:14:35.460150"},
      {"2b 07", "0a 0100000000 46460b c4ff", "2024-01-01T23:00:00.0000001-01:00",
       "2024-01-02 00:00:00.000000Z | 1 | -60"},
      {"2b 00", "08 000000 46460b 4803", "2024-01-02T14:00:00+14:00",
       "2024-01-02 00:00:00.000000Z | 840"},
      {"3d", "462effff 00000000", "1753-01-01T00:00:00.000", "1753-01-01 00:00:00.000000"},
      {"3d", "00000000 01000000", "1900-01-01T00:00:00.003", "1900-01-01 00:00:00.003000"},
      {"3d", "00000000 02000000", "1900-01-01T00:00:00.007", "1900-01-01 00:00:00.007000"},
      {"6f 08", "08 7f242d00 ff818b01", "9999-12-31T23:59:59.997", "9999-12-31 23:59:59.997000"},
      {"3a", "ffff 9f05", "2079-06-06T23:59:00", "2079-06-06 23:59:00.000000"},
      {"6f 04", "04 0000 0000", "1900-01-01T00:00:00", "1900-01-01 00:00:00.000000"},
      {"24 10", "10 f17b0dc7 c7e5 c540 98c7 a12f7e686724", "c70d7bf1-e5c7-40c5-98c7-a12f7e686724",
       "c70d7bf1-e5c7-40c5-98c7-a12f7e686724"},
      {"24 10", "00", "null", "null"},
  };
  for (const auto& known : all) {
    const One one{known.type_info, known.cell};
    SCOPED_TRACE(std::string(known.type_info) + " / " + known.cell);
    auto value = one.AsValue();
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(*value, known.value);
    auto column = one.AsColumn();
    ASSERT_TRUE(column) << column.error().message;
    EXPECT_EQ(*column, known.column);
  }
}

TEST(TdsTypes, ValuesThatThereAreNotAreCorruptAndNamed) {
  const One all[] = {
      {"28", "03 dbb937"},  // 10000-01-01
      {"28", "03 ffffff"},
      {"28", "02 0000"},
      {"29 07", "05 00c0692ac9"},  // 24:00
      {"29 00", "03 805101"},
      {"29 03", "03 000000"},  // of another scale's length
      {"2a 07", "08 00c0692ac9 000000"},
      {"2a 07", "08 ffffffffff ffffff"},
      {"2a 03", "08 0000000000000000"},
      {"2b 07", "0a 0100000000 46460b 4903"},  // +14:01
      {"2b 07", "0a 0100000000 46460b b7fc"},
      {"3d", "452effff 00000000"},  // 1752
      {"3d", "80242d00 00000000"},  // 10000
      {"3d", "00000000 00828b01"},  // 24:00
      {"3d", "ffffff7f ffffffff"},
      {"3a", "0000 a005"},
      {"6a 11 05 02", "05 01 a0860100"},  // 1000.00 of decimal(5,2)
      {"6a 11 05 02", "11 01 ffffffffffffffffffffffffffffffff"},
      {"6a 11 05 02", "05 02 01000000"},  // neither sign
      {"6a 11 05 02", "04 01 000000"},
      {"6a 11 13 00", "09 01 ffffffffffffffff"},
      {"26 04", "08 0100000000000000"},
      {"26 04", "02 0100"},
      {"68 01", "02 0100"},
      {"24 10", "0f 000000000000000000000000000000"},
      {"f5 1000 00", "1000 a902020000000000 00001441 0000c0bf"},  // a version to come
      {"f5 1000 00", "1000 a901030000000000 00001441 0000c0bf"},  // three of two
      {"62 491f0000", "03000000 38 00 07"},
      {"62 491f0000", "02000000 38 05"},
      {"62 491f0000", "06000000 f1 00 00000000"},  // xml is in no variant
      {"62 491f0000", "07000000 e7 07 0904d000 34"},
  };
  for (const auto& one : all) {
    SCOPED_TRACE(one.type_info + " / " + one.cell);
    auto column = one.AsColumn();
    ASSERT_FALSE(column) << *column;
    EXPECT_EQ(column.error().kind, ErrorKind::kCorrupt);
    EXPECT_THAT(column.error().message, HasSubstr("\"c\""));
    if (one.type_info.starts_with("f5")) continue;  // as a small value it is its bytes
    auto value = one.AsValue();
    ASSERT_FALSE(value) << *value;
    EXPECT_EQ(value.error().kind, ErrorKind::kCorrupt);
    EXPECT_THAT(value.error().message, HasSubstr("\"c\""));
  }
}

TEST(TdsTypes, ChoicesBesideTheDefaultHoldTheSameValue) {
  const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO);
  struct Choice {
    One one;
    std::shared_ptr<arrow::DataType> type;
    const char* text;
  };
  const Choice all[] = {
      {{"30", "ff"}, arrow::uint8(), "255"},
      {{"29 07", "05 ffbf692ac9"}, arrow::time64(arrow::TimeUnit::NANO), "23:59:59.999999900"},
      {{"29 03", "04 01000000"}, arrow::time64(arrow::TimeUnit::MICRO), "00:00:00.001000"},
      {{"29 07", "05 ffbf692ac9"}, arrow::large_utf8(), "23:59:59.9999999"},
      {{"28", "03 dab937"}, arrow::utf8(), "9999-12-31"},
      {{"2a 07", "08 ffbf692ac9 dab937"}, arrow::utf8(), "9999-12-31T23:59:59.9999999"},
      {{"2a 07", "08 0100000000 3bf90a"}, arrow::int64(), "864000000001"},
      {{"2b 07", "0a 0100000000 46460b c4ff"}, arrow::utf8(), "2024-01-01T23:00:00.0000001-01:00"},
      {{"2b 07", "0a 0100000000 3af90a c4ff"}, arrow::int64(), "1"},
      {{"2a 03", "07 2e8ba80046460b"},
       arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
       "2024-01-02 03:04:05.678000Z"},
      {{"3d", "00000000 02000000"}, arrow::utf8(), "1900-01-01T00:00:00.007"},
      {{"6a 11 05 02", "05 00 7d000000"}, arrow::utf8(), "-1.25"},
      {{"6a 11 05 02", "05 00 7d000000"}, arrow::decimal128(38, 2), "-1.25"},
      {{"24 10", "10 f17b0dc7 c7e5 c540 98c7 a12f7e686724"},
       arrow::fixed_size_binary(16),
       "C70D7BF1E5C740C598C7A12F7E686724"},
      {{"ad 0800", "0800 ffffffffffffffff"}, arrow::fixed_size_binary(8), "FFFFFFFFFFFFFFFF"},
      {{"ad 0800", "0800 ffffffffffffffff"}, arrow::decimal128(20, 0), "18446744073709551615"},
      {{"ad 0800", "0800 00000000000007d1"}, arrow::utf8(), "2001"},
      {{"ad 0800", "0800 00000000000007d1"}, arrow::binary(), "00000000000007D1"},
      {{"ad 0800", "ffff"}, arrow::decimal128(20, 0), "null"},
      {{"a5 0800", "0200 0102"}, arrow::large_binary(), "0102"},
      {{"a5 0800", "0000"}, arrow::binary(), ""},
      {{"a7 0800 0904d00034", "0000"}, arrow::utf8(), ""},
      {{"e7 0800 0904d00034", "0000"}, arrow::large_utf8(), ""},
      {{"f5 1000 00", "1000 a901020000000000 00001441 0000c0bf"}, arrow::utf8(), "[9.25,-1.5]"},
      {{"f5 0c00 01", "0c00 a901020001000000 a048 00be"}, arrow::utf8(), "[9.25,-1.5]"},
  };
  for (const auto& choice : all) {
    SCOPED_TRACE(choice.one.type_info + " as " + choice.type->ToString());
    auto column = choice.one.AsColumn(choice.type);
    ASSERT_TRUE(column) << column.error().message;
    EXPECT_EQ(*column, choice.text);
  }
}

TEST(TdsTypes, ASmallValueOfACollationThatIsNotKnownIsUnsupported) {
  auto value = One{"a7 0800 39 04 d0 00 00", "0100 61"}.AsValue();
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().kind, ErrorKind::kUnsupported);
}

TEST(TdsTypes, AWrongPairNamesBoth) {
  const std::pair<One, std::shared_ptr<arrow::DataType>> all[] = {
      {{"38", "00000000"}, arrow::int64()},
      {{"38", "00000000"}, arrow::utf8()},
      {{"6a 11 05 02", "00"}, arrow::decimal128(5, 1)},
      {{"6a 11 05 02", "00"}, arrow::decimal128(4, 2)},
      {{"3c", "0000000000000000"}, arrow::float64()},
      {{"2a 07", "00"}, arrow::timestamp(arrow::TimeUnit::NANO)},
      {{"a5 0800", "0000"}, arrow::utf8()},
      {{"a5 0800", "0000"}, arrow::fixed_size_binary(8)},
      {{"ad 0900", "ffff"}, arrow::decimal128(20, 0)},
      {{"f0 7c03 00 00 00 0000", "0000000000000000 00000000"}, arrow::utf8()},
      {{"f5 1000 00", "ffff"}, arrow::list(arrow::float64())},
      {{"24 10", "00"}, arrow::fixed_size_binary(15)},
  };
  for (const auto& [one, type] : all) {
    SCOPED_TRACE(one.type_info + " as " + type->ToString());
    auto column = one.AsColumn(type);
    ASSERT_FALSE(column) << *column;
    EXPECT_EQ(column.error().kind, ErrorKind::kUnsupported);
    EXPECT_THAT(column.error().message, HasSubstr(type->ToString()));
    EXPECT_THAT(column.error().message, HasSubstr("\"c\""));
  }
}

TEST(TdsTypes, EveryBaseTypeOfAVariantHasItsTextAndItsName) {
  const std::pair<const char*, const char*> all[] = {
      {"32 00 01", "1 | bit"},
      {"30 00 ff", "255 | tinyint"},
      {"34 00 feff", "-2 | smallint"},
      {"38 00 07000000", "7 | int"},
      {"7f 00 ffffffffffffffff", "-1 | bigint"},
      {"3b 00 0000c03f", "1.5 | real"},
      {"3e 00 9a9999999999b93f", "0.1 | float"},
      {"3c 00 0000000040420f00", "100.0000 | money"},
      {"7a 00 983a0000", "1.5000 | smallmoney"},
      {"3d 00 0000000001000000", "1900-01-01T00:00:00.003 | datetime"},
      {"3a 00 00000100", "1900-01-01T00:01:00 | smalldatetime"},
      {"28 00 46460b", "2024-01-02 | date"},
      {"29 01 02 80da10", "03:04:05.12 | time"},
      {"2a 01 03 2e8ba80046460b", "2024-01-02T03:04:05.678 | datetime2"},
      {"2b 01 00 000000 46460b c4ff", "2024-01-01T23:00:00-01:00 | datetimeoffset"},
      {"24 00 f17b0dc7c7e5c54098c7a12f7e686724",
       "c70d7bf1-e5c7-40c5-98c7-a12f7e686724 | uniqueidentifier"},
      {"6a 02 0502 01 96000000000000000000000000000000", "1.50 | decimal"},
      {"6c 02 0502 00 96000000000000000000000000000000", "-1.50 | numeric"},
      {"a5 02 0800 00ab", "0x00AB | varbinary"},
      {"ad 02 0200 00ab", "0x00AB | binary"},
      {"a7 07 0904d00034 0a00 63e9", "c\xC3\xA9 | varchar"},
      {"af 07 0904d00034 0300 616220", "ab  | char"},
      {"e7 07 0904d00034 0a00 b103", "\xCE\xB1 | nvarchar"},
      {"ef 07 0904d00034 0400 61002000", "a  | nchar"},
  };
  for (const auto& [cell, text] : all) {
    SCOPED_TRACE(cell);
    const auto inner = Hex(cell);
    std::string digits;
    for (unsigned char byte : Variant(inner)) digits += fmt::format("{:02x}", byte);
    auto column = One{"62 491f0000", digits}.AsColumn();
    ASSERT_TRUE(column) << column.error().message;
    EXPECT_EQ(*column, text);
  }
  EXPECT_EQ(One({"62 491f0000", "00000000"}).AsColumn().value(), "null | null");
}

TEST(TdsTypes, WhatNoServerDescribesIsRefused) {
  for (const char* info : {"6a 11 27 00", "6a 11 05 06", "6a 11 00 00", "2a 08", "26 03", "68 02",
                           "24 08", "ef ffff 0904d00034", "ad ffff"}) {
    const auto bytes = Hex(info);
    MemoryInput input(bytes);
    auto type = ReadTypeInfo(input);
    ASSERT_FALSE(type) << info;
    EXPECT_EQ(type.error().kind, ErrorKind::kCorrupt);
  }
  const auto bytes = Hex("99");
  MemoryInput input(bytes);
  auto type = ReadTypeInfo(input);
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(type.error().message, HasSubstr("0x99"));
}

// ---- whole results

struct Decoded {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::vector<DecodeCounts> counts;
};

Result<Decoded> DecodeAll(const std::string& reply, std::size_t step, DecodeLimits limits = {}) {
  MemoryInput input(reply, step);
  TRY(input.Need(1));
  input.Skip(1);
  auto columns = TRY(ReadColMetadata(input));
  auto made = MakeDefaultColumns(columns);
  auto decoder = TRY(RowDecoder::Make(columns, made.outputs, made.schema, limits));
  Decoded decoded;
  bool is_full = true;
  while (is_full) {
    is_full = TRY(decoder.Decode(input));
    if (auto batch = TRY(decoder.Finish())) {
      EXPECT_TRUE(batch->ValidateFull().ok());
      decoded.batches.push_back(batch);
    }
  }
  decoded.counts = decoder.counts();
  TRY(input.Need(1));
  EXPECT_EQ(*input.begin(), kTokenDone);
  return decoded;
}

std::shared_ptr<arrow::Table> TableOf(const Decoded& decoded) {
  return arrow::Table::FromRecordBatches(decoded.batches)
      .ValueOrDie()
      ->CombineChunks()
      .ValueOrDie();
}

TEST(TdsRows, AreTheSameHoweverTheBytesCome) {
  const auto reply = SampleReply(5);
  auto whole = DecodeAll(reply, SIZE_MAX);
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_EQ(TableOf(*whole)->num_rows(), 15);
  for (std::size_t step = 1; step < 70; ++step) {
    auto pieces = DecodeAll(reply, step, {.rows = static_cast<std::int64_t>(step % 7 + 1)});
    ASSERT_TRUE(pieces) << pieces.error().message;
    EXPECT_TRUE(TableOf(*pieces)->Equals(*TableOf(*whole))) << step;
  }
}

TEST(TdsRows, AReplyCutAnywhereIsCorrupt) {
  const auto reply = SampleReply(1);
  for (std::size_t size = 0; size + 13 <= reply.size(); ++size) {
    auto decoded = DecodeAll(reply.substr(0, size), size % 2 == 0 ? SIZE_MAX : 3);
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().kind, ErrorKind::kCorrupt) << size << ": " << decoded.error().message;
  }
}

TEST(TdsRows, ABatchEndsAtItsLimits) {
  std::string reply = ColMetadata({{"c", Hex("e7 a00f") + Hex(kLatin1)}});
  for (int i = 0; i < 100; ++i) reply += RowToken({ShortUtf16(std::string(1000, 'x'))});
  reply += DoneToken();
  auto sizes = [](const Decoded& decoded) {
    std::vector<std::int64_t> rows;
    for (const auto& batch : decoded.batches) rows.push_back(batch->num_rows());
    return rows;
  };
  EXPECT_THAT(sizes(DecodeAll(reply, SIZE_MAX, {.rows = 40}).value()), ElementsAre(40, 40, 20));
  EXPECT_THAT(sizes(DecodeAll(reply, SIZE_MAX, {.rows = 100}).value()), ElementsAre(100));
  EXPECT_EQ(sizes(DecodeAll(reply, SIZE_MAX, {.bytes = 1}).value()).size(), 100U);
  auto by_bytes = DecodeAll(reply, 500, {.bytes = 20'000}).value();
  ASSERT_GT(by_bytes.batches.size(), 3U);
  for (const auto& batch : by_bytes.batches) EXPECT_LE(batch->num_rows(), 26);
}

TEST(TdsRows, NullInAKeyIsCorruptAndNamed) {
  for (const char* info : {"26 04", "2a 07", "6a 11 05 02", "24 10"}) {
    for (const auto& row : {RowToken({std::string(1, '\0')}), NbcRow({""})}) {
      const auto reply = ColMetadata({{"id", Hex(info)}}) + row + DoneToken();
      MemoryInput input(reply);
      auto columns = ColumnsOf(&input);
      auto made = MakeDefaultColumns(columns);
      for (auto& output : made.outputs) output.is_key = output.part == Part::kValue;
      auto decoder = RowDecoder::Make(columns, made.outputs, made.schema, {});
      ASSERT_TRUE(decoder);
      auto decoded = decoder->Decode(input);
      ASSERT_FALSE(decoded);
      EXPECT_EQ(decoded.error().kind, ErrorKind::kCorrupt);
      EXPECT_THAT(decoded.error().message, HasSubstr("\"id\" is of the key"));
    }
  }
}

TEST(TdsRows, ColumnsThatNobodyWantsArePassedOver) {
  const auto reply = SampleReply(2);
  for (std::size_t step : {SIZE_MAX, std::size_t{1}}) {
    MemoryInput input(reply, step);
    auto columns = ColumnsOf(&input);
    const int last = static_cast<int>(columns.size()) - 1;
    auto decoder = RowDecoder::Make(
        columns,
        {{last, Part::kValue, arrow::binary(), false}, {3, Part::kValue, arrow::int32(), false}},
        arrow::schema(
            {arrow::field("image", arrow::binary()), arrow::field("int", arrow::int32())}),
        {});
    ASSERT_TRUE(decoder) << decoder.error().message;
    ASSERT_TRUE(decoder->Decode(input));
    auto batch = decoder->Finish();
    ASSERT_TRUE(batch);
    EXPECT_EQ((*batch)->num_rows(), 6);
    EXPECT_EQ(TextOf(*(*batch)->column(0)), "00FF");
    EXPECT_EQ(TextOf(*(*batch)->column(1)), "2147483647");
    EXPECT_EQ(*input.begin(), kTokenDone);
  }
}

TEST(TdsRows, ASeventhDigitThatIsLeftOutIsCounted) {
  std::string reply = ColMetadata({{"c", Hex("2a 07")}});
  for (const char* cell :
       {"08 0100000000 000000", "08 0a00000000 000000", "00", "08 ffbf692ac9 dab937"})
    reply += RowToken({Hex(cell)});
  reply += DoneToken();
  MemoryInput input(reply);
  auto columns = ColumnsOf(&input);
  auto type = arrow::timestamp(arrow::TimeUnit::MICRO);
  auto decoder = RowDecoder::Make(columns, {{0, Part::kValue, type, false}},
                                  arrow::schema({arrow::field("c", type)}), {});
  ASSERT_TRUE(decoder);
  ASSERT_TRUE(decoder->Decode(input));
  EXPECT_EQ(decoder->counts()[0].cut_100ns, 2);
}

TEST(TdsRows, OutputColumnsThatDoNotGoTogetherAreRefused) {
  const auto reply = ColMetadata({{"c", Hex("2a 03")}, {"n", Hex("38")}});
  MemoryInput input(reply);
  auto columns = ColumnsOf(&input);
  const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO);
  auto kind_of = [&](std::vector<OutputColumn> outputs) {
    arrow::FieldVector fields(outputs.size(), arrow::field("c", arrow::int8()));
    auto decoder = RowDecoder::Make(columns, std::move(outputs), arrow::schema(fields), {});
    return decoder ? ErrorKind::kInternal : decoder.error().kind;
  };
  EXPECT_EQ(kind_of({{2, Part::kValue, micros, false}}), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of({{-1, Part::kValue, micros, false}}), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of({{0, Part::kValue, micros, false}, {0, Part::kValue, micros, false}}),
            ErrorKind::kInvalid);
  EXPECT_EQ(kind_of({{0, Part::k100ns, arrow::int8(), false}}), ErrorKind::kUnsupported);
  EXPECT_EQ(
      kind_of({{0, Part::kValue, micros, false}, {0, Part::kOffsetMinutes, arrow::int16(), false}}),
      ErrorKind::kUnsupported);
  EXPECT_EQ(kind_of({{1, Part::kBaseType, arrow::utf8(), false}}), ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace tidemark::tds
