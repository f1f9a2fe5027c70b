#include "fold/base_rows.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>

#include "base/arrow_result.h"

namespace tidemark {
namespace {

constexpr std::int64_t kBatchRowsMax = 16'384;

// A batch's column as the base's: taken as it is, null where the file does not have it, else by way
// of its values' bytes.
Result<std::shared_ptr<arrow::Array>> AsColumn(const arrow::RecordBatch& batch, int position,
                                               const std::shared_ptr<arrow::Field>& field) {
  if (position < 0) return TRY(arrow::MakeArrayOfNull(field->type(), batch.num_rows()));
  auto column = batch.column(position);
  if (column->type()->Equals(*field->type())) return column;
  auto decoder = TRY(RowDecoder::Make(arrow::schema({field}), {0}));
  RowEncoder encoder;
  TRY(encoder.Start(batch, std::span(&position, 1), 0));
  while (TRY(encoder.Next()))
    for (std::int64_t i = 0; i < encoder.rows(); ++i) TRY(decoder.Append(encoder.Whole(i)));
  return TRY(decoder.Finish())->column(0);
}

}  // namespace

Result<SaidOfRows> SaidOfRows::Of(const LandedReader::Rows& rows, std::span<const int> columns,
                                  const LandedFile& file) {
  SaidOfRows said;
  said.is_base_ = file.is_base;
  said.versions_ = rows.versions;
  said.operations_ = rows.operations;
  if (columns.empty()) return said;
  auto find = [&](std::size_t k, arrow::Type::type type,
                  bool may_be_null) -> Result<const arrow::Array*> {
    if (columns[k] < 0) return nullptr;
    const auto* column = rows.batch->column(columns[k]).get();
    if (column->type_id() != type || (!may_be_null && column->null_count() != 0))
      return Fail(ErrorKind::kCorrupt, "its rows do not say which versions they are");
    return column;
  };
  said.start_ = TRY(find(0, arrow::Type::INT64, false));
  said.end_ = TRY(find(1, arrow::Type::INT64, true));
  said.current_ = TRY(find(2, arrow::Type::BOOL, false));
  said.deleted_ = TRY(find(3, arrow::Type::BOOL, false));
  return said;
}

RowVersion SaidOfRows::VersionOf(std::int64_t row) const {
  RowVersion version{.start = versions_[row], .row = {}};
  if (!is_base_) {
    version.is_current = operations_[static_cast<std::size_t>(row)] != 'D';
    return version;
  }
  auto flag = [&](const arrow::Array* column) {
    return static_cast<const arrow::BooleanArray&>(*column).Value(row);
  };
  auto number = [&](const arrow::Array* column) {
    return static_cast<const arrow::Int64Array&>(*column).Value(row);
  };
  version.is_deleted = deleted_ && flag(deleted_);
  version.is_current = current_ ? flag(current_) : !version.is_deleted;
  if (start_) version.start = number(start_);
  if (end_ && end_->IsValid(row)) version.end = number(end_);
  // A base of current rows does not know since when one is gone.
  if (!version.is_current && !version.end) version.end = version.start;
  return version;
}

Result<std::unique_ptr<BaseRows>> BaseRows::Make(std::shared_ptr<arrow::Schema> schema,
                                                 std::vector<int> order, BaseKind kind,
                                                 std::int64_t batch_bytes, Fold::BatchSink sink) {
  arrow::FieldVector own(schema->fields().begin(),
                         schema->fields().begin() + static_cast<std::ptrdiff_t>(order.size()));
  auto decoder = TRY(RowDecoder::Make(arrow::schema(own), order));
  return std::unique_ptr<BaseRows>(new BaseRows(std::move(schema), std::move(order), kind,
                                                batch_bytes, std::move(sink), std::move(decoder)));
}

// The columns that say which versions the rows are, behind the table's own.
Result<std::shared_ptr<arrow::RecordBatch>> BaseRows::WithSaid(arrow::ArrayVector columns,
                                                               std::int64_t rows) {
  arrow::Int64Builder start, end;
  arrow::BooleanBuilder current, deleted;
  if (kind_.scd_type == 2) {
    for (const auto& version : said_) {
      TRY(start.Append(version.start));
      TRY(version.end ? end.Append(*version.end) : end.AppendNull());
      TRY(current.Append(version.is_current));
    }
    columns.push_back(TRY(start.Finish()));
    columns.push_back(TRY(end.Finish()));
    columns.push_back(TRY(current.Finish()));
  }
  if (kind_.soft_delete) {
    for (const auto& version : said_) TRY(deleted.Append(version.is_deleted));
    columns.push_back(TRY(deleted.Finish()));
  }
  said_.clear();
  return arrow::RecordBatch::Make(schema_, rows, std::move(columns));
}

Status BaseRows::Pass(const LandedReader::Rows& rows, std::span<const int> columns,
                      const SaidOfRows& said, const std::vector<bool>& passes) {
  TRY(Flush());
  arrow::BooleanBuilder mask;
  TRY(mask.AppendValues(passes));
  for (std::size_t i = 0; i < passes.size(); ++i)
    if (passes[i]) said_.push_back(said.VersionOf(static_cast<std::int64_t>(i)));
  auto count = std::ssize(said_);
  if (count == 0) return {};
  arrow::ArrayVector own(order_.size());
  for (std::size_t k = 0; k < order_.size(); ++k)
    own[static_cast<std::size_t>(order_[k])] =
        TRY(AsColumn(*rows.batch, columns[k], schema_->field(order_[k])));
  auto keep = TRY(mask.Finish());
  if (count < std::ssize(passes))
    for (auto& column : own) column = TRY(arrow::compute::Filter(column, keep)).make_array();
  return sink_(TRY(WithSaid(std::move(own), count)));
}

Status BaseRows::Add(const RowVersion& version) {
  bool is_kept =
      version.is_current || kind_.scd_type == 2 || (version.is_deleted && kind_.soft_delete);
  if (!is_kept) return {};
  TRY(decoder_.Append(version.row));
  auto& said = said_.emplace_back(version);
  said.row = {};
  bool is_full = decoder_.bytes() >= batch_bytes_ || decoder_.rows() >= kBatchRowsMax;
  return is_full ? Flush() : Status();
}

Status BaseRows::Flush() {
  if (decoder_.rows() == 0) return {};
  auto rows = decoder_.rows();
  auto own = TRY(decoder_.Finish());
  return sink_(TRY(WithSaid(own->columns(), rows)));
}

}  // namespace tidemark
