#include "encode/unified.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/arrow_result.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "encode/parquet/column.h"
#include "encode/parquet/file_encoder.h"
#include "encode/unified/data_column.h"

namespace tidemark {
namespace {

// The lead columns of a ChangeSchema.
constexpr int kVersion = 0, kOperation = 2, kLeads = 3;
// Pages of the columns beside `data` are made of so many rows at once: they are small.
constexpr std::int64_t kStageRows = 64 << 10;

constexpr std::string_view kOperations = "IUDL";
constexpr std::string_view kOperationWords[] = {"INSERT", "UPDATE", "DELETE", "LOAD"};

// The columns after `data`.
enum Beside {
  kCatalog,
  kSchema,
  kName,
  kUoid,
  kLsn,
  kSeqNum,
  kSequence,
  kTimestamp,
  kExtracted,
  kOperationWord,
  kSchemaVersion,
  kBesideCount
};

Result<std::vector<pq::Leaf>> Leaves() {
  const auto& text = arrow::utf8();
  const auto& number = arrow::int64();
  std::vector<pq::Leaf> leaves;
  auto add = [&](const char* group, const char* name,
                 const std::shared_ptr<arrow::DataType>& type) -> Status {
    leaves.push_back(TRY(pq::LeafOf(*arrow::field(name, type))));
    leaves.back().group = group;
    return {};
  };
  TRY(add("", kDataColumn, text));
  for (const char* member : {"catalog", "schema", "name", "uoid"})
    TRY(add("table_id", member, text));
  TRY(add(kCursorColumn, "lsn", text));
  TRY(add(kCursorColumn, kSequenceMember, text));
  TRY(add(kCursorColumn, "sequence", text));
  TRY(add(kCursorColumn, "timestamp", number));
  TRY(add("", "extractionTimestamp", number));
  TRY(add("", kUnifiedOperationColumn, text));
  TRY(add("", "schemaVersion", number));
  return leaves;
}

using Data = std::shared_ptr<arrow::ArrayData>;

Result<Data> TextOnce(std::string_view text) {
  return TRY(arrow::MakeArrayFromScalar(arrow::StringScalar(std::string(text)), 1))->data();
}

Result<Data> NumberOnce(std::int64_t number) {
  return TRY(arrow::MakeArrayFromScalar(arrow::Int64Scalar(number), 1))->data();
}

// Rows of one column; a single value stands for all of them.
struct Piece {
  Data array;
  bool is_repeated = true;
};

class UnifiedEncoder final : public pq::FileEncoder {
 public:
  UnifiedEncoder(std::shared_ptr<arrow::Schema> schema, std::vector<pq::Leaf> leaves, RowJson rows,
                 const FormatOptions& options, ByteSink& sink)
      : FileEncoder(std::move(schema), std::move(leaves), options, sink),
        data_(std::move(rows), options.codec, options.level, options.pool) {
    for (int i = 0; i < kBesideCount; ++i)
      beside_.push_back(pq::ColumnEncoder::Make(leaves_[static_cast<std::size_t>(i) + 1],
                                                options_.codec, options_.level));
  }

  // What is the same on every row.
  Status MakeConstants();

  std::int64_t buffered_bytes() const override {
    std::int64_t bytes = data_.held_bytes();
    for (const auto& column : beside_) bytes += column->held_bytes();
    return bytes;
  }

 private:
  // Rows that are in `data` and not yet in the columns beside it.
  struct Waiting {
    Piece sequence, operation;
    std::int64_t from = 0, rows = 0;  // of those pieces that are not repeated
  };

  Status Take(const std::shared_ptr<arrow::RecordBatch>& batch) override;
  Result<Piece> SequenceOf(const arrow::RecordBatch& rows);
  Result<Piece> OperationOf(const arrow::RecordBatch& rows);
  Status EncodeBeside();
  Status EndRowGroup() override;

  DataColumn data_;
  std::vector<std::unique_ptr<pq::ColumnEncoder>> beside_;
  std::array<Data, kBesideCount> constants_;  // null: not the same on every row
  std::array<Data, kOperations.size()> operations_;
  std::int64_t version_ = 0;
  Data version_text_;  // of version_; null: none yet
  std::vector<Waiting> waiting_;
  std::int64_t waiting_rows_ = 0;
};

Status UnifiedEncoder::MakeConstants() {
  const TableFacts& facts = options_.facts;
  const TableName& name = facts.name;
  auto own_or = [](const std::string& given, const std::string& own) {
    return LossyUtf8(given.empty() ? own : given);
  };
  std::string path = name.database;
  for (const std::string* part : {&name.schema, &name.name}) (path += '\0') += *part;
  constants_[kCatalog] = TRY(TextOnce(own_or(facts.catalog, name.database)));
  constants_[kSchema] = TRY(TextOnce(own_or(facts.catalog_schema, name.schema)));
  constants_[kName] = TRY(TextOnce(LossyUtf8(name.name)));
  constants_[kUoid] = TRY(TextOnce(DnsUuidV5(path)));
  constants_[kLsn] = TRY(arrow::MakeArrayOfNull(arrow::utf8(), 1))->data();
  constants_[kTimestamp] = TRY(arrow::MakeArrayOfNull(arrow::int64(), 1))->data();
  constants_[kExtracted] = TRY(NumberOnce(facts.extracted_ms));
  constants_[kSchemaVersion] = TRY(NumberOnce(facts.schema_version));
  for (std::size_t i = 0; i < operations_.size(); ++i)
    operations_[i] = TRY(TextOnce(kOperationWords[i]));
  return {};
}

// The rows of a load all have one version; changes have many.
Result<Piece> UnifiedEncoder::SequenceOf(const arrow::RecordBatch& rows) {
  const auto& versions = static_cast<const arrow::Int64Array&>(*rows.column(kVersion));
  const std::span values(versions.raw_values(), static_cast<std::size_t>(versions.length()));
  const std::int64_t first = values.front();
  const bool is_one = std::ranges::all_of(values, [&](std::int64_t v) { return v == first; });
  char digits[24];
  auto spelt = [&](std::int64_t version) -> std::string_view {
    return {digits, std::to_chars(digits, digits + sizeof digits, version).ptr};
  };
  if (is_one) {
    if (!version_text_ || version_ != first) {
      version_text_ = TRY(TextOnce(spelt(first)));
      version_ = first;
    }
    return Piece{version_text_, true};
  }
  arrow::StringBuilder builder;
  TRY(builder.Reserve(versions.length()));
  for (const std::int64_t version : values) TRY(builder.Append(spelt(version)));
  return Piece{TRY(builder.Finish())->data(), false};
}

Result<Piece> UnifiedEncoder::OperationOf(const arrow::RecordBatch& rows) {
  const auto& letters = static_cast<const arrow::StringArray&>(*rows.column(kOperation));
  auto index_of = [&](std::int64_t row) -> Result<std::size_t> {
    const auto letter = letters.GetView(row);
    const std::size_t index = letter.size() == 1 ? kOperations.find(letter[0]) : kOperations.npos;
    if (index == kOperations.npos)
      return Fail(ErrorKind::kInternal,
                  fmt::format("operation \"{}\" is none of I, U, D, L", letter));
    return index;
  };
  const std::size_t first = TRY(index_of(0));
  bool is_one = true;
  for (std::int64_t row = 1; row < letters.length() && is_one; ++row)
    is_one = letters.GetView(row) == letters.GetView(0);
  if (is_one) return Piece{operations_[first], true};
  arrow::StringBuilder builder;
  TRY(builder.Reserve(letters.length()));
  for (std::int64_t row = 0; row < letters.length(); ++row)
    TRY(builder.Append(kOperationWords[TRY(index_of(row))]));
  return Piece{TRY(builder.Finish())->data(), false};
}

Status UnifiedEncoder::Take(const std::shared_ptr<arrow::RecordBatch>& batch) {
  const arrow::RecordBatch& rows = *batch;
  if (rows.num_rows() == 0) return {};
  if (rows.column(kVersion)->null_count() + rows.column(kOperation)->null_count() > 0)
    return Fail(ErrorKind::kInternal, "a row has no version or no operation");
  const Piece sequence = TRY(SequenceOf(rows)), operation = TRY(OperationOf(rows));
  for (std::int64_t row = 0; row < rows.num_rows();) {
    const std::int64_t end = std::min(rows.num_rows(), row + options_.row_group_rows - group_rows_);
    const std::int64_t next = TRY(data_.Append(rows, row, end, options_.row_group_bytes));
    waiting_.push_back({sequence, operation, row, next - row});
    waiting_rows_ += next - row;
    group_rows_ += next - row;
    row = next;
    if (group_rows_ >= options_.row_group_rows || data_.raw_bytes() >= options_.row_group_bytes) {
      TRY(EndRowGroup());
    } else if (waiting_rows_ >= kStageRows) {
      TRY(EncodeBeside());
    }
  }
  return {};
}

Status UnifiedEncoder::EncodeBeside() {
  std::vector<pq::ColumnSlice> slices;
  auto add = [&](const Piece& piece, const Waiting& part) {
    slices.push_back(
        {piece.array.get(), piece.is_repeated ? 0 : part.from, part.rows, piece.is_repeated});
  };
  for (std::size_t i = 0; i < kBesideCount; ++i) {
    slices.clear();
    if (constants_[i]) {
      slices.push_back({constants_[i].get(), 0, waiting_rows_, true});
    } else {
      for (const Waiting& part : waiting_)
        add(i == kOperationWord ? part.operation : part.sequence, part);
    }
    TRY(beside_[i]->Append(slices, options_.row_group_rows));
  }
  waiting_.clear();
  waiting_rows_ = 0;
  return {};
}

Status UnifiedEncoder::EndRowGroup() {
  if (waiting_rows_ > 0) TRY(EncodeBeside());
  TRY(data_.EndChunk());
  file_.BeginRowGroup(group_rows_);
  TRY(file_.AddChunk(data_));
  for (const auto& column : beside_) {
    TRY(column->EndChunk());
    TRY(file_.AddChunk(*column));
  }
  group_rows_ = 0;
  return {};
}

Status CheckLeads(const arrow::Schema& schema) {
  constexpr const char* kNames[kLeads] = {kVersionColumn, kCreationVersionColumn, kOperationColumn};
  for (int i = 0; i < kLeads; ++i) {
    if (schema.num_fields() > i && schema.field(i)->name() == kNames[i]) continue;
    return Fail(ErrorKind::kInternal, fmt::format("column {} of changes is not {}", i, kNames[i]));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Encoder>> OpenUnified(std::shared_ptr<arrow::Schema> schema,
                                             const FormatOptions& options, ByteSink& sink) {
  TRY(pq::CheckOptions(options));
  TRY(CheckLeads(*schema));
  auto rows = TRY(RowJson::Make(*schema, kLeads));
  auto encoder = std::make_unique<UnifiedEncoder>(std::move(schema), TRY(Leaves()), std::move(rows),
                                                  options, sink);
  TRY(encoder->MakeConstants());
  return encoder;
}

}  // namespace tidemark
