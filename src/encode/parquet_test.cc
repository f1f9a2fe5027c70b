#include "encode/parquet.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <cmath>

#include "base/random.h"
#include "base/worker_pool.h"
#include "encode/codec.h"
#include "encode/sample_rows.h"

namespace tidemark {
namespace {

using ::testing::HasSubstr;

// Keeps what it gets, and fails once it holds more than it may.
class MemorySink final : public ByteSink {
 public:
  explicit MemorySink(std::size_t bytes_max = SIZE_MAX) : bytes_max_(bytes_max) {}
  Status Write(std::span<const std::byte> bytes) override {
    if (this->bytes.size() + bytes.size() > bytes_max_) {
      ++refusals;
      return Fail(ErrorKind::kDenied, "no room on the shelf", "buy a shelf");
    }
    this->bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string bytes;
  int refusals = 0;

 private:
  const std::size_t bytes_max_;
};

std::unique_ptr<Encoder> Open(const std::shared_ptr<arrow::Schema>& schema, FormatOptions options,
                              ByteSink& sink) {
  auto encoder = OpenParquet(schema, options, sink);
  EXPECT_TRUE(encoder) << encoder.error().message;
  return std::move(*encoder);
}

Status WriteAll(const arrow::Table& table, std::int64_t batch_rows, Encoder& encoder) {
  arrow::TableBatchReader batches(table);
  batches.set_chunksize(batch_rows);
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    EXPECT_TRUE(batches.ReadNext(&batch).ok());
    if (!batch) break;
    TRY(encoder.Write(batch));
  }
  return encoder.Finish();
}

std::string Encoded(const arrow::Table& table, std::int64_t batch_rows, FormatOptions options) {
  MemorySink sink;
  const Status status = WriteAll(table, batch_rows, *Open(table.schema(), options, sink));
  EXPECT_TRUE(status) << status.error().message;
  return std::move(sink.bytes);
}

std::unique_ptr<parquet::arrow::FileReader> ReaderOf(const std::string& bytes) {
  return parquet::arrow::OpenFile(arrow::io::BufferReader::FromString(bytes),
                                  arrow::default_memory_pool())
      .ValueOrDie();
}

// As Arrow reads it; what the file does not tell apart (large text) is cast back.
std::shared_ptr<arrow::Table> Decoded(const std::string& bytes, const arrow::Schema& schema) {
  auto table = ReaderOf(bytes)->ReadTable().ValueOrDie();
  arrow::ChunkedArrayVector columns;
  for (int i = 0; i < table->num_columns(); ++i) {
    columns.push_back(table->column(i)->type()->Equals(*schema.field(i)->type()) ? table->column(i)
                                                                                 : nullptr);
    if (columns.back()) continue;
    EXPECT_EQ(schema.field(i)->type()->id(), arrow::Type::LARGE_STRING);
    arrow::LargeStringBuilder builder;
    for (const auto& part : table->column(i)->chunks()) {
      const auto& texts = static_cast<const arrow::StringArray&>(*part);
      for (std::int64_t row = 0; row < texts.length(); ++row) {
        const auto status =
            texts.IsNull(row) ? builder.AppendNull() : builder.Append(texts.GetView(row));
        EXPECT_TRUE(status.ok());
      }
    }
    columns.back() = std::make_shared<arrow::ChunkedArray>(builder.Finish().ValueOrDie());
  }
  return arrow::Table::Make(arrow::schema(schema.fields()), columns, table->num_rows());
}

// NaN equals NaN, and -0.0 differs from 0.0.
const auto kExactly = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);

void ExpectSame(const arrow::Table& expected, const std::string& bytes) {
  const auto decoded = Decoded(bytes, *expected.schema());
  ASSERT_EQ(decoded->num_rows(), expected.num_rows());
  for (int i = 0; i < expected.num_columns(); ++i) {
    EXPECT_TRUE(decoded->column(i)->Equals(*expected.column(i), kExactly))
        << expected.schema()->field(i)->name();
  }
}

TEST(ParquetTest, EveryTypeComesBackAsItWasInAnyNumberOfRows) {
  for (const std::int64_t rows : {0, 1, 2, 7, 8, 9, 31, 33, 128, 129, 1000, 6'011}) {
    const auto table = SampleRows(rows, 1);
    ExpectSame(*table, Encoded(*table, 777, {}));
  }
}

TEST(ParquetTest, EveryCodecComesBackAtItsLowestAndHighestLevel) {
  const auto table = SampleRows(4000, 2);
  const std::vector<std::pair<Codec, std::vector<int>>> levels = {
      {Codec::kNone, {-1}},         {Codec::kSnappy, {-1}},  {Codec::kGzip, {-1, 1, 9}},
      {Codec::kBrotli, {-1, 0, 5}}, {Codec::kLz4, {-1, 12}}, {Codec::kZstd, {-1, 1, 19}}};
  for (const auto& [codec, of_codec] : levels) {
    for (const int level : of_codec) {
      FormatOptions options;
      options.codec = codec;
      options.level = level;
      ExpectSame(*table, Encoded(*table, 1000, options));
    }
  }
}

TEST(ParquetTest, ManyRowGroupsEndAtTheirRows) {
  const auto table = SampleRows(10'000, 3);
  FormatOptions options;
  options.row_group_rows = 999;
  const std::string bytes = Encoded(*table, 640, options);
  ExpectSame(*table, bytes);
  const auto metadata = ReaderOf(bytes)->parquet_reader()->metadata();
  ASSERT_EQ(metadata->num_row_groups(), 11);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(metadata->RowGroup(i)->num_rows(), 999);
  EXPECT_EQ(metadata->RowGroup(10)->num_rows(), 10);
}

TEST(ParquetTest, RowGroupsEndAtTheirBytesAndALargeValueStandsAlone) {
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append("small").ok());
  ASSERT_TRUE(builder.Append(std::string(5 << 20, 'x')).ok());
  ASSERT_TRUE(builder.Append("small").ok());
  ASSERT_TRUE(builder.Append(std::string(900 << 10, 'y')).ok());
  ASSERT_TRUE(builder.Append(std::string(900 << 10, 'z')).ok());
  const auto table = arrow::Table::Make(arrow::schema({arrow::field("v", arrow::utf8())}),
                                        {builder.Finish().ValueOrDie()});
  FormatOptions options;
  options.row_group_bytes = 1 << 20;
  for (const Codec codec : {Codec::kZstd, Codec::kNone}) {
    options.codec = codec;
    const std::string bytes = Encoded(*table, 100, options);
    ExpectSame(*table, bytes);
    const auto metadata = ReaderOf(bytes)->parquet_reader()->metadata();
    std::vector<std::int64_t> rows;
    for (int i = 0; i < metadata->num_row_groups(); ++i)
      rows.push_back(metadata->RowGroup(i)->num_rows());
    EXPECT_THAT(rows, testing::ElementsAre(1, 1, 2, 1));
  }
}

TEST(ParquetTest, BufferedBytesStayBelowARowGroup) {
  const auto table = SampleRows(20'000, 4);
  FormatOptions options;
  options.row_group_bytes = 4 << 20;
  MemorySink sink;
  const auto encoder = Open(table->schema(), options, sink);
  arrow::TableBatchReader batches(*table);
  batches.set_chunksize(500);
  std::shared_ptr<arrow::RecordBatch> batch;
  std::int64_t highest = 0;
  while (batches.ReadNext(&batch).ok() && batch) {
    ASSERT_TRUE(encoder->Write(batch));
    highest = std::max(highest, encoder->buffered_bytes());
  }
  ASSERT_TRUE(encoder->Finish());
  EXPECT_GT(highest, 0);
  EXPECT_LT(highest, options.row_group_bytes);
  EXPECT_EQ(encoder->buffered_bytes(), 0);
}

TEST(ParquetTest, SameRowsSameBytesWithAndWithoutThreads) {
  const auto table = SampleRows(30'000, 5);
  WorkerPool pool(3);
  FormatOptions alone, together;
  together.pool = &pool;
  const std::string bytes = Encoded(*table, 4096, alone);
  EXPECT_EQ(bytes, Encoded(*table, 4096, alone));
  EXPECT_EQ(bytes, Encoded(*table, 4096, together));
}

TEST(ParquetTest, AFailingSinkComesBackWithItsKindAndNothingMoreIsWritten) {
  const auto table = SampleRows(5000, 6);
  WorkerPool pool(2);
  FormatOptions options;
  options.pool = &pool;
  options.row_group_rows = 1500;
  const std::size_t bytes = Encoded(*table, 1000, options).size();
  for (const std::size_t limit : {std::size_t{0}, std::size_t{100}, bytes / 2, bytes - 1}) {
    MemorySink sink(limit);
    const auto encoder = Open(table->schema(), options, sink);
    Status status = WriteAll(*table, 1000, *encoder);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::kDenied);
    EXPECT_EQ(status.error().hint, "buy a shelf");
    EXPECT_EQ(sink.refusals, 1);
  }
}

TEST(ParquetTest, AfterAFailureFinishFailsToo) {
  const auto table = SampleRows(10, 6);
  MemorySink sink(0);
  const auto encoder = Open(table->schema(), {}, sink);
  arrow::TableBatchReader batches(*table);
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(batches.ReadNext(&batch).ok());
  ASSERT_FALSE(encoder->Write(batch));
  const Status status = encoder->Finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(sink.refusals, 1);
}

TEST(ParquetTest, LevelsOutOfRangeAreRefusedWithTheRange) {
  MemorySink sink;
  const auto schema = arrow::schema({arrow::field("a", arrow::int64())});
  const auto refused = [&](Codec codec, int level) {
    FormatOptions options;
    options.codec = codec;
    options.level = level;
    auto encoder = OpenParquet(schema, options, sink);
    EXPECT_FALSE(encoder);
    EXPECT_EQ(encoder.error().kind, ErrorKind::kInvalid);
    return encoder.error();
  };
  EXPECT_THAT(refused(Codec::kZstd, 0).hint, HasSubstr("1 to 22"));
  EXPECT_THAT(refused(Codec::kZstd, 23).message, HasSubstr("zstd has no level 23"));
  EXPECT_THAT(refused(Codec::kGzip, 10).hint, HasSubstr("1 to 9"));
  EXPECT_THAT(refused(Codec::kBrotli, 12).hint, HasSubstr("0 to 11"));
  EXPECT_THAT(refused(Codec::kLz4, 13).hint, HasSubstr("1 to 12"));
  EXPECT_THAT(refused(Codec::kSnappy, 1).message, HasSubstr("snappy has no levels"));
  EXPECT_THAT(refused(Codec::kNone, 1).message, HasSubstr("none has no levels"));
}

TEST(ParquetTest, ATypeThatFilesDoNotHoldNamesItsColumn) {
  MemorySink sink;
  auto encoder = OpenParquet(
      arrow::schema({arrow::field("when", arrow::time64(arrow::TimeUnit::NANO))}), {}, sink);
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(encoder.error().message, HasSubstr("\"when\""));
}

TEST(ParquetTest, BatchesWhoseArraysAreSlicesComeBack) {
  const auto table = SampleRows(3000, 7);
  const auto whole = table->CombineChunksToBatch().ValueOrDie();
  MemorySink sink;
  const auto encoder = Open(table->schema(), {}, sink);
  for (const auto& [from, rows] : {std::pair{0, 13}, {13, 0}, {13, 1987}, {2000, 1000}}) {
    ASSERT_TRUE(encoder->Write(whole->Slice(from, rows)));
  }
  ASSERT_TRUE(encoder->Finish());
  ExpectSame(*table, sink.bytes);
}

TEST(ParquetTest, StatisticsAreTrueForEveryReader) {
  const std::string bytes = Encoded(*SampleRows(5000, 8), 5000, {});
  // Held to the end: statistics of text point into it.
  const auto metadata = ReaderOf(bytes)->parquet_reader()->metadata();
  const auto of = [&](const std::string& column) {
    const int index = metadata->schema()->ColumnIndex(column);
    return metadata->RowGroup(0)->ColumnChunk(index)->statistics();
  };
  // NaN would be above or below everything, depending on the reader: no bounds.
  EXPECT_FALSE(of("double_nan")->HasMinMax());
  EXPECT_FALSE(of("text_null")->HasMinMax());
  EXPECT_EQ(of("text_null")->null_count(), 5000);
  EXPECT_FALSE(of("text_long")->HasMinMax());  // too long to be kept as bounds
  const auto zero = std::static_pointer_cast<parquet::DoubleStatistics>(of("double_zero"));
  EXPECT_TRUE(std::signbit(zero->min()));
  EXPECT_FALSE(std::signbit(zero->max()));
  const auto text = of("text_edge");
  EXPECT_EQ(text->EncodeMin(), "");
  EXPECT_EQ(text->EncodeMax(), "\xF0\x9F\x8C\x8A");  // above every ASCII letter: bytes are unsigned
  const auto whole = std::static_pointer_cast<parquet::Int64Statistics>(of("int64_edge"));
  EXPECT_EQ(whole->min(), INT64_MIN);
  EXPECT_EQ(whole->max(), INT64_MAX);
}

// Runs begin and end anywhere, so that every way of mixing runs and packed groups is taken.
TEST(ParquetTest, RunsOfAnyLengthComeBack) {
  SeededRandom random(11);
  for (int round = 0; round < 200; ++round) {
    arrow::StringBuilder texts;
    arrow::Int64Builder numbers;
    const std::uint64_t longest = 1 + random.Next() % 90;
    for (std::uint64_t run = 0; run < 60; ++run) {
      const std::uint64_t value = random.Next() % 5;
      for (std::uint64_t left = 1 + random.Next() % longest; left > 0; --left) {
        const bool is_null = value == 4;
        ASSERT_TRUE((is_null ? texts.AppendNull() : texts.Append(std::string(value, 'r'))).ok());
        ASSERT_TRUE((is_null ? numbers.AppendNull() : numbers.Append(value << 40)).ok());
      }
    }
    const auto table = arrow::Table::Make(
        arrow::schema({arrow::field("t", arrow::utf8()), arrow::field("n", arrow::int64())}),
        {texts.Finish().ValueOrDie(), numbers.Finish().ValueOrDie()});
    ExpectSame(*table, Encoded(*table, 1 + static_cast<std::int64_t>(random.Next() % 999), {}));
  }
}

TEST(ParquetTest, DictionariesAreUsedWhereValuesRepeatAndOnlyThere) {
  const std::string bytes = Encoded(*SampleRows(20'000, 9), 5000, {});
  const auto metadata = ReaderOf(bytes)->parquet_reader()->metadata();
  const auto has_dictionary = [&](const std::string& column) {
    return metadata->RowGroup(0)
        ->ColumnChunk(metadata->schema()->ColumnIndex(column))
        ->has_dictionary_page();
  };
  for (const char* column : {"text_few", "text_edge", "text_runs", "double_few", "int64_few"}) {
    EXPECT_TRUE(has_dictionary(column)) << column;
  }
  for (const char* column : {"text_many", "text_sorted", "double_many", "id_many", "bool_few"}) {
    EXPECT_FALSE(has_dictionary(column)) << column;
  }
}

TEST(ParquetTest, ARequiredColumnRefusesNull) {
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.AppendNull().ok());
  const auto schema = arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false)});
  const auto table = arrow::Table::Make(schema, {builder.Finish().ValueOrDie()});
  MemorySink sink;
  const Status status = WriteAll(*table, 10, *Open(schema, {}, sink));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(status.error().message, HasSubstr("\"id\""));
}

TEST(CodecTest, NamesAreParsedAndOthersListed) {
  for (const char* name : {"zstd", "snappy", "gzip", "brotli", "lz4", "none"}) {
    const auto codec = ParseCodec(name);
    ASSERT_TRUE(codec) << name;
    EXPECT_EQ(Name(*codec), name);
  }
  const auto codec = ParseCodec("zip");
  ASSERT_FALSE(codec);
  EXPECT_EQ(codec.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(codec.error().hint, HasSubstr("zstd, snappy, gzip, brotli, lz4, none"));
}

TEST(RegistryTest, FormatsAreFoundByName) {
  const auto format = FindFormat("parquet");
  ASSERT_TRUE(format);
  EXPECT_EQ((*format)->extension, ".parquet");
  const auto unknown = FindFormat("orc");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().hint, HasSubstr("parquet"));
}

}  // namespace
}  // namespace tidemark
