#include "encode/unified.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/worker_pool.h"
#include "encode/parquet/column.h"
#include "encode/parquet/file_parts.h"
#include "encode/text.h"
#include "encode/unified/row_json.h"

namespace tidemark {
namespace {

using ::testing::HasSubstr;

class MemorySink final : public ByteSink {
 public:
  Status Write(std::span<const std::byte> bytes) override {
    this->bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string bytes;
};

std::shared_ptr<arrow::Table> TableOf(const std::string& bytes) {
  auto reader = parquet::arrow::OpenFile(arrow::io::BufferReader::FromString(bytes),
                                         arrow::default_memory_pool())
                    .ValueOrDie();
  return reader->ReadTable().ValueOrDie()->CombineChunks().ValueOrDie();
}

std::string TextAt(const arrow::Table& table, const std::string& column, std::int64_t row) {
  auto array = table.GetColumnByName(column)->chunk(0);
  if (array->IsNull(row)) return "null";
  return std::string(static_cast<const arrow::StringArray&>(*array).GetView(row));
}

std::string MemberAt(const arrow::Table& table, const std::string& column,
                     const std::string& member, std::int64_t row) {
  const auto& group =
      static_cast<const arrow::StructArray&>(*table.GetColumnByName(column)->chunk(0));
  return group.GetFieldByName(member)->GetScalar(row).ValueOrDie()->ToString();
}

// Changes of a table (id int64, name text): one row for each version.
class Changes {
 public:
  std::shared_ptr<arrow::Schema> schema() const {
    return arrow::schema({arrow::field(kVersionColumn, arrow::int64()),
                          arrow::field(kCreationVersionColumn, arrow::int64()),
                          arrow::field(kOperationColumn, arrow::utf8()),
                          arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8())});
  }
  template <class Version, class Operation>
  std::shared_ptr<arrow::RecordBatch> Rows(std::int64_t from, std::int64_t rows, Version version,
                                           Operation operation) const {
    auto builder =
        arrow::RecordBatchBuilder::Make(schema(), arrow::default_memory_pool()).ValueOrDie();
    for (std::int64_t i = from; i < from + rows; ++i) {
      EXPECT_TRUE(builder->GetFieldAs<arrow::Int64Builder>(0)->Append(version(i)).ok());
      EXPECT_TRUE(builder->GetField(1)->AppendNull().ok());
      EXPECT_TRUE(
          builder->GetFieldAs<arrow::StringBuilder>(2)->Append(std::string(1, operation(i))).ok());
      EXPECT_TRUE(builder->GetFieldAs<arrow::Int64Builder>(3)->Append(i).ok());
      EXPECT_TRUE(
          builder->GetFieldAs<arrow::StringBuilder>(4)->Append("name " + std::to_string(i)).ok());
    }
    return builder->Flush().ValueOrDie();
  }
};

std::string Encoded(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                    FormatOptions options) {
  options.facts = {.name = {"shop", "main", "orders"},
                   .catalog = "lake",
                   .catalog_schema = {},
                   .schema_version = 42,
                   .extracted_ms = 1'795'260'485'123};
  MemorySink sink;
  auto encoder = OpenUnified(Changes().schema(), options, sink);
  EXPECT_TRUE(encoder) << encoder.error().message;
  for (const auto& batch : batches) {
    auto written = (*encoder)->Write(batch);
    EXPECT_TRUE(written) << written.error().message;
  }
  EXPECT_TRUE((*encoder)->Finish());
  return std::move(sink.bytes);
}

std::string Spelt(double value) {
  char room[text::kValueBytesMax];
  return {room, text::PutReal(room, value)};
}

std::string Digits(std::string_view number) {
  std::string digits;
  for (char c : number.substr(0, number.find('e')))
    if (c >= '0' && c <= '9') digits.push_back(c);
  digits.erase(0, digits.find_first_not_of('0'));
  while (digits.ends_with('0')) digits.pop_back();
  return digits;
}

// The same bits come back, and no number of fewer digits would do.
void ExpectShortest(double value) {
  const auto text = Spelt(value);
  double back = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), back);
  ASSERT_EQ(parsed.ptr, text.data() + text.size()) << text;
  EXPECT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value)) << text;
  char shortest[32];
  const std::string_view reference(shortest, std::to_chars(shortest, shortest + 32, value).ptr);
  EXPECT_EQ(Digits(text), Digits(reference)) << text;
  EXPECT_NE(text.find_first_of(".e"), text.npos) << text;
  EXPECT_TRUE(nlohmann::json::accept(text)) << text;
}

TEST(TextValues, RealsComeBackBitByBitInTheFewestDigits) {
  for (double value : {0.0,
                       -0.0,
                       0.1,
                       1.0,
                       -1.5,
                       5e-324,
                       1.7976931348623157e308,
                       2.2250738585072014e-308,
                       123456789.125,
                       9007199254740993.0,
                       1e13,
                       9999999999999.99,
                       1e-6,
                       1e-7,
                       1e22,
                       0.3,
                       0.1 + 0.2,
                       100.0,
                       1e9,
                       999999999.999999})
    for (double sign : {1.0, -1.0}) ExpectShortest(value * sign);
  std::uint64_t bits = 0x9E3779B97F4A7C15;
  for (int i = 0; i < 200'000; ++i) {
    bits = bits * 6364136223846793005U + 1442695040888963407U;
    const auto any = std::bit_cast<double>(bits ^ bits >> 29);
    if (std::isfinite(any)) ExpectShortest(any);
    ExpectShortest(static_cast<double>(bits % 1'000'000'000'000) / 100);
    ExpectShortest(static_cast<double>(bits % 1'000'000'000'000) / 1e6);
    ExpectShortest(static_cast<double>(bits % 100'000) * 0.01);
  }
}

TEST(TextValues, RealsThatJsonLacksAreTexts) {
  EXPECT_EQ(Spelt(std::nan("")), "NaN");
  EXPECT_EQ(Spelt(HUGE_VAL), "Infinity");
  EXPECT_EQ(Spelt(-HUGE_VAL), "-Infinity");
  EXPECT_EQ(Spelt(-0.0), "-0.0");
  EXPECT_EQ(Spelt(3), "3.0");
}

TEST(TextValues, IntegersDecimalsAndTimesAtTheirEdges) {
  char room[text::kValueBytesMax];
  auto spelt = [&](char* end) { return std::string(room, end); };
  EXPECT_EQ(spelt(text::PutInteger(room, INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(spelt(text::PutInteger(room, INT64_MAX)), "9223372036854775807");
  EXPECT_EQ(spelt(text::PutUnsigned(room, UINT64_MAX)), "18446744073709551615");
  const auto least = static_cast<__int128>(static_cast<unsigned __int128>(1) << 127);
  EXPECT_EQ(spelt(text::PutDecimal(room, least, 38)), "-1.70141183460469231731687303715884105728");
  EXPECT_EQ(spelt(text::PutDecimal(room, 0, 2)), "0.00");
  EXPECT_EQ(spelt(text::PutDecimal(room, -5, 2)), "-0.05");
  EXPECT_EQ(spelt(text::PutDecimal(room, 1'000'000'000'000'000'000, 0)), "1000000000000000000");
  EXPECT_EQ(spelt(text::PutDate(room, 0)), "1970-01-01");
  EXPECT_EQ(spelt(text::PutDate(room, -719'162)), "0001-01-01");
  EXPECT_EQ(spelt(text::PutDate(room, 2'932'896)), "9999-12-31");
  EXPECT_EQ(spelt(text::PutDate(room, 2'932'897)), "+10000-01-01");
  EXPECT_EQ(spelt(text::PutDate(room, -719'529)), "-0001-12-31");
  EXPECT_EQ(spelt(text::PutTimestamp(room, -1, 6, false)), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(spelt(text::PutTimestamp(room, 0, 9, true)), "1970-01-01T00:00:00+00:00");
  EXPECT_EQ(spelt(text::PutTimestamp(room, 1'500, 3, false)), "1970-01-01T00:00:01.500");
  EXPECT_EQ(spelt(text::PutTime(room, 86'399'999'999, 6)), "23:59:59.999999");
}

std::string SpeltText(std::string_view value) {
  pq::ByteBuffer buffer;
  text::Output out(buffer);
  if (!text::AppendJsonText(value, out)) return "not UTF-8";
  out.Sync();
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

TEST(TextValues, TextsKeepEveryCharacterWhereverItStands) {
  std::string all;
  for (int c = 0; c < 128; ++c) all.push_back(static_cast<char>(c));
  all += "\xC3\xA9\xE2\x80\xA8\xE2\x80\xA9\xF0\x9F\x8C\x8A\xEF\xBF\xBF";
  for (std::size_t before = 0; before < 20; ++before) {
    const auto text = std::string(before, 'x') + all;
    EXPECT_EQ(nlohmann::json::parse(SpeltText(text)).get<std::string>(), text);
  }
  EXPECT_EQ(SpeltText(std::string_view("a\"\\\n\0\x1f\x7f", 7)),
            "\"a\\\"\\\\\\n\\u0000\\u001f\x7f\"");
  EXPECT_EQ(SpeltText(""), "\"\"");
  // Characters across the places where long texts are cut.
  for (std::size_t size : {65'534U, 65'535U, 65'536U, 200'000U}) {
    std::string text(size, 'a');
    for (int i = 0; i < 40'000; ++i) text += i % 3 ? "\xE2\x82\xAC" : "\"";
    EXPECT_EQ(nlohmann::json::parse(SpeltText(text)).get<std::string>(), text);
  }
}

TEST(TextValues, TextThatIsNotUtf8IsRefused) {
  for (std::string_view text : {"\xFF", "abcdefgh\x80", "\xC3", "\xE2\x82", "\xED\xA0\x80",
                                "\xF4\x90\x80\x80", "\xC0\xAF", "aaaaaaaaaaaaaaaa\xF0\x9F\x8C"})
    EXPECT_EQ(SpeltText(text), "not UTF-8");
  EXPECT_EQ(text::JsonQuoted("a\xFF"), "\"a\xEF\xBF\xBD\"");
}

TEST(TextValues, Base64OfEveryLength) {
  const std::vector<std::pair<std::string, std::string>> known = {
      {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xFF\xFE\xFD", "//79"}};
  for (const auto& [bytes, spelt] : known) {
    pq::ByteBuffer buffer;
    text::Output out(buffer);
    text::AppendBase64(bytes, out);
    out.Sync();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(buffer.data()), buffer.size()), spelt);
  }
}

TEST(UnifiedTest, ColumnsAndTypesAreThoseOfEveryTable) {
  const Changes changes;
  const auto table =
      TableOf(Encoded({changes.Rows(0, 3, [](auto) { return 7; }, [](auto) { return 'L'; })}, {}));
  EXPECT_EQ(table->schema()->ToString(),
            "data: string\n"
            "table_id: struct<catalog: string, schema: string, name: string, uoid: string>\n"
            "cursor: struct<lsn: string, seqNum: string, sequence: string, timestamp: int64>\n"
            "extractionTimestamp: int64\noperation: string\nschemaVersion: int64");
  EXPECT_EQ(TextAt(*table, "data", 2), R"({"id":2,"name":"name 2"})");
  EXPECT_EQ(MemberAt(*table, "table_id", "catalog", 2), "lake");
  EXPECT_EQ(MemberAt(*table, "table_id", "schema", 2), "main");
  EXPECT_EQ(MemberAt(*table, "table_id", "name", 2), "orders");
  EXPECT_EQ(MemberAt(*table, "table_id", "uoid", 2),
            DnsUuidV5(std::string("shop\0main\0orders", 16)));
  EXPECT_EQ(MemberAt(*table, "cursor", "lsn", 2), "null");
  EXPECT_EQ(MemberAt(*table, "cursor", "seqNum", 2), "7");
  EXPECT_EQ(MemberAt(*table, "cursor", "sequence", 2), "7");
  EXPECT_EQ(MemberAt(*table, "cursor", "timestamp", 2), "null");
  EXPECT_EQ(TextAt(*table, "operation", 2), "LOAD");
  EXPECT_EQ(table->GetColumnByName("extractionTimestamp")->GetScalar(0).ValueOrDie()->ToString(),
            "1795260485123");
  EXPECT_EQ(table->GetColumnByName("schemaVersion")->GetScalar(0).ValueOrDie()->ToString(), "42");
}

void ExpectRows(const arrow::Table& table, std::int64_t rows, const auto& version,
                const auto& operation) {
  ASSERT_EQ(table.num_rows(), rows);
  const auto& cursor =
      static_cast<const arrow::StructArray&>(*table.GetColumnByName("cursor")->chunk(0));
  const auto& sequences = static_cast<const arrow::StringArray&>(*cursor.GetFieldByName("seqNum"));
  for (std::int64_t row = 0; row < rows; ++row) {
    ASSERT_EQ(sequences.GetView(row), std::to_string(version(row)));
    const std::map<char, std::string> words = {
        {'I', "INSERT"}, {'U', "UPDATE"}, {'D', "DELETE"}, {'L', "LOAD"}};
    ASSERT_EQ(TextAt(table, "operation", row), words.at(operation(row)));
    ASSERT_EQ(TextAt(table, "data", row),
              "{\"id\":" + std::to_string(row) + ",\"name\":\"name " + std::to_string(row) + "\"}");
  }
}

// Runs of one version, many versions and more than a dictionary holds, in one row group and many,
// with and without other threads.
TEST(UnifiedTest, EveryRowComesBackInItsOrder) {
  const Changes changes;
  WorkerPool pool(3);
  const auto version = [](std::int64_t row) {
    return row < 50'000 ? 7 : row < 60'000 ? row / 100 : row * 1'000'003;
  };
  const auto operation = [](std::int64_t row) { return row < 50'000 ? 'L' : "IUD"[row % 3]; };
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  constexpr std::int64_t kRows = 230'000;
  for (std::int64_t row = 0; row < kRows; row += 9'999)
    batches.push_back(
        changes.Rows(row, std::min<std::int64_t>(9'999, kRows - row), version, operation));
  for (WorkerPool* const of : {static_cast<WorkerPool*>(nullptr), &pool})
    for (const std::int64_t group_rows : {500'000, 70'000, 1'001})
      for (const auto codec : {Codec::kZstd, Codec::kNone}) {
        FormatOptions options;
        options.pool = of;
        options.row_group_rows = group_rows;
        options.codec = codec;
        ExpectRows(*TableOf(Encoded(batches, options)), kRows, version, operation);
      }
}

TEST(UnifiedTest, RowGroupsEndAtTheirBytesAsJson) {
  const Changes changes;
  FormatOptions options;
  options.row_group_bytes = 64 << 10;
  const auto bytes =
      Encoded({changes.Rows(0, 20'000, [](auto) { return 1; }, [](auto) { return 'L'; })}, options);
  auto file = parquet::ParquetFileReader::Open(arrow::io::BufferReader::FromString(bytes));
  EXPECT_GT(file->metadata()->num_row_groups(), 8);
  for (int i = 0; i < file->metadata()->num_row_groups(); ++i)
    EXPECT_LT(file->metadata()->RowGroup(i)->ColumnChunk(0)->total_uncompressed_size(), 80 << 10);
}

TEST(UnifiedTest, WhatIsTheSameOnEveryRowCostsNextToNothing) {
  const Changes changes;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int i = 0; i < 20; ++i)
    batches.push_back(changes.Rows(0, 5'000, [](auto) { return 1; }, [](auto) { return 'L'; }));
  const auto bytes = Encoded(batches, {});
  auto file = parquet::ParquetFileReader::Open(arrow::io::BufferReader::FromString(bytes));
  ASSERT_EQ(file->metadata()->num_row_groups(), 1);
  for (int column = 1; column < file->metadata()->num_columns(); ++column)
    EXPECT_LT(file->metadata()->RowGroup(0)->ColumnChunk(column)->total_compressed_size(), 220)
        << column;
}

TEST(UnifiedTest, ATableOfNoRowsIsAValidFile) {
  EXPECT_EQ(TableOf(Encoded({}, {}))->num_rows(), 0);
  EXPECT_EQ(TableOf(Encoded({}, {}))->schema()->num_fields(), 6);
}

TEST(UnifiedTest, ATypeThatJsonDoesNotHoldIsRefusedByName) {
  MemorySink sink;
  auto schema = Changes().schema()->AddField(5, arrow::field("long", arrow::list(arrow::int8())));
  auto encoder = OpenUnified(*schema, {}, sink);
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(encoder.error().message, HasSubstr("\"long\""));
}

TEST(UnifiedTest, TextThatIsNotUtf8FailsWithItsColumn) {
  MemorySink sink;
  auto encoder = *OpenUnified(Changes().schema(), {}, sink);
  auto rows = Changes().Rows(0, 1, [](auto) { return 1; }, [](auto) { return 'L'; });
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append("\xFF").ok());
  auto written = encoder->Write(*rows->SetColumn(4, rows->schema()->field(4), *builder.Finish()));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(written.error().message, HasSubstr("\"name\""));
  EXPECT_FALSE(encoder->Finish());
}

// Nulls beside values in a member of a struct.
TEST(ParquetLeaves, MembersOfAStructMayBeNull) {
  auto leaf = *pq::LeafOf(*arrow::field("member", arrow::int64()));
  leaf.group = "group";
  arrow::Int64Builder builder;
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE((i % 7 < 3 ? builder.AppendNull() : builder.Append(i)).ok());
  const auto values = *builder.Finish();
  MemorySink sink;
  pq::FileParts file(sink);
  const std::vector<pq::Leaf> leaves = {leaf};
  auto column = pq::ColumnEncoder::Make(leaves[0], Codec::kZstd, -1);
  const pq::ColumnSlice slices[] = {{values->data().get(), 0, 1000},
                                    {values->data().get(), 0, 5, true},
                                    {values->data().get(), 3, 5, true}};
  ASSERT_TRUE(file.Begin());
  ASSERT_TRUE(column->Append(slices, 1010));
  ASSERT_TRUE(column->EndChunk());
  file.BeginRowGroup(1010);
  ASSERT_TRUE(file.AddChunk(*column));
  ASSERT_TRUE(file.End(leaves));
  const auto table = TableOf(sink.bytes);
  for (std::int64_t row = 0; row < 1010; ++row) {
    const bool is_null = row < 1000 ? row % 7 < 3 : row < 1005;
    const auto value = row < 1000 ? row : 3;
    ASSERT_EQ(MemberAt(*table, "group", "member", row), is_null ? "null" : std::to_string(value));
  }
}

}  // namespace
}  // namespace tidemark
