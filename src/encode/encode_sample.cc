// For tests/e2e/test_parquet_readers.py and test_text_readers.py: encode_sample FOLDER ROWS
// BATCH_ROWS ROW_GROUP_ROWS CODEC [FORMAT] writes sample.parquet, or that of another format, and
// expected.jsonl (a column a line, cells as text) into FOLDER.
#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "encode/encoder.h"
#include "encode/sample_rows.h"

namespace tidemark {
namespace {

class FileSink final : public ByteSink {
 public:
  explicit FileSink(const std::string& path) : out_(path, std::ios::binary) {}
  Status Write(std::span<const std::byte> bytes) override {
    out_.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!out_) return Fail(ErrorKind::kUnavailable, "the sample could not be written");
    return {};
  }

 private:
  std::ofstream out_;
};

// Bits rather than digits for reals, decimals without their point, days and microseconds rather
// than dates, hex rather than text.
nlohmann::json Cell(const arrow::Array& array, std::int64_t row) {
  if (array.IsNull(row)) return nullptr;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row);
    case arrow::Type::DATE32:
      return static_cast<const arrow::Date32Array&>(array).Value(row);
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampArray&>(array).Value(row);
    case arrow::Type::DOUBLE:
      return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(
                                        static_cast<const arrow::DoubleArray&>(array).Value(row)));
    case arrow::Type::FLOAT:
      return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(static_cast<double>(
                                        static_cast<const arrow::FloatArray&>(array).Value(row))));
    case arrow::Type::DECIMAL128:
      return arrow::Decimal128(static_cast<const arrow::Decimal128Array&>(array).GetValue(row))
          .ToIntegerString();
    case arrow::Type::STRING:
      return HexOf(static_cast<const arrow::StringArray&>(array).GetView(row));
    case arrow::Type::LARGE_STRING:
      return HexOf(static_cast<const arrow::LargeStringArray&>(array).GetView(row));
    case arrow::Type::BINARY:
      return HexOf(static_cast<const arrow::BinaryArray&>(array).GetView(row));
    case arrow::Type::FIXED_SIZE_BINARY:
      return HexOf(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row));
    default:
      return std::stoll(array.GetScalar(row).ValueOrDie()->ToString());
  }
}

Status WriteExpected(const arrow::Table& table, const std::string& path) {
  std::ofstream out(path);
  for (int i = 0; i < table.num_columns(); ++i) {
    nlohmann::json cells = nlohmann::json::array();
    for (const auto& part : table.column(i)->chunks()) {
      for (std::int64_t row = 0; row < part->length(); ++row) cells.push_back(Cell(*part, row));
    }
    const auto& field = *table.schema()->field(i);
    out << nlohmann::json{{"name", field.name()},
                          {"type", field.type()->ToString()},
                          {"cells", cells}}
        << '\n';
  }
  if (!out) return Fail(ErrorKind::kUnavailable, "the expected cells could not be written");
  return {};
}

Status Run(int argc, char** argv) {
  const std::string folder = argv[1];
  FormatOptions options;
  options.row_group_rows = std::stoll(argv[4]);
  options.codec = TRY(ParseCodec(argv[5]));
  const auto table = SampleRows(std::stoll(argv[2]), 42);
  const Format* const format = TRY(FindFormat(argc > 6 ? argv[6] : "parquet"));
  FileSink sink(folder + "/sample" + std::string(format->extension));
  options.facts.name.name = "sample";
  const auto encoder = TRY(format->open(table->schema(), options, sink));
  arrow::TableBatchReader batches(*table);
  batches.set_chunksize(std::stoll(argv[3]));
  std::shared_ptr<arrow::RecordBatch> batch;
  while (batches.ReadNext(&batch).ok() && batch) TRY(encoder->Write(batch));
  TRY(encoder->Finish());
  return WriteExpected(*table, folder + "/expected.jsonl");
}

}  // namespace
}  // namespace tidemark

int main(int argc, char** argv) {
  if (argc < 6 || argc > 7) {
    std::fputs("encode_sample FOLDER ROWS BATCH_ROWS ROW_GROUP_ROWS CODEC [FORMAT]\n", stderr);
    return 2;
  }
  const auto status = tidemark::Run(argc, argv);
  if (status) return 0;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return 1;
}
