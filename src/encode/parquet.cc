#include "encode/parquet.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/worker_pool.h"
#include "encode/parquet/column.h"
#include "encode/parquet/file_encoder.h"

namespace tidemark {
namespace {

// Rows wait until there are enough of them to make pages from, in all columns at once.
constexpr std::int64_t kStageRows = 64 << 10;
constexpr std::int64_t kStageBytesMin = 1 << 20;
// Below this many values handing columns to other threads costs more than it saves.
constexpr std::int64_t kParallelValuesMin = 16 << 10;
// What Arrow keeps for a column of a batch beside its values.
constexpr std::int64_t kArrayBytes = 256;

struct BatchSlice {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::int64_t from = 0;
  std::int64_t rows = 0;
};

class ParquetEncoder final : public pq::FileEncoder {
 public:
  ParquetEncoder(std::shared_ptr<arrow::Schema> schema, std::vector<pq::Leaf> leaves,
                 const FormatOptions& options, ByteSink& sink)
      : FileEncoder(std::move(schema), std::move(leaves), options, sink) {
    for (const pq::Leaf& leaf : leaves_) {
      columns_.push_back(pq::ColumnEncoder::Make(leaf, options_.codec, options_.level));
    }
  }

  std::int64_t buffered_bytes() const override { return waiting_bytes_ + held_bytes_; }

 private:
  Status Take(const std::shared_ptr<arrow::RecordBatch>& rows) override;
  Status Encode(bool is_last);
  Status EncodeColumn(std::size_t column, std::int64_t group_rows, bool is_last);
  Status EndRowGroup() override;
  std::int64_t GroupRoom() const { return options_.row_group_bytes - group_bytes_; }
  std::int64_t StageRoom() const {
    return std::max(kStageBytesMin, options_.row_group_bytes / 4) - waiting_bytes_;
  }
  std::int64_t SliceBytes(const BatchSlice& slice) const;
  std::int64_t RowsThatFit(const BatchSlice& slice) const;
  std::int64_t ExpectedGroupRows() const;

  std::vector<std::unique_ptr<pq::ColumnEncoder>> columns_;
  std::vector<BatchSlice> waiting_;  // rows of this row group that are not in pages yet
  std::int64_t waiting_rows_ = 0, waiting_bytes_ = 0;
  std::int64_t group_bytes_ = 0;  // of group_rows_
  std::int64_t held_bytes_ = 0;   // of pages
};

std::int64_t ParquetEncoder::SliceBytes(const BatchSlice& slice) const {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    bytes += pq::RawBytes(
        leaves_[i], {slice.batch->column_data(static_cast<int>(i)).get(), slice.from, slice.rows});
  }
  return bytes;
}

// As many rows as both the row group and what waits have room for; at least one.
std::int64_t ParquetEncoder::RowsThatFit(const BatchSlice& slice) const {
  const std::int64_t bytes = std::min(GroupRoom(), StageRoom());
  std::int64_t low = 1;
  std::int64_t high =
      std::min({slice.rows, options_.row_group_rows - group_rows_, kStageRows - waiting_rows_});
  if (SliceBytes({slice.batch, slice.from, high}) <= bytes) return high;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (SliceBytes({slice.batch, slice.from, middle}) <= bytes) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

Status ParquetEncoder::Take(const std::shared_ptr<arrow::RecordBatch>& rows) {
  const auto array_bytes = kArrayBytes * static_cast<std::int64_t>(leaves_.size());
  BatchSlice rest = {rows, 0, rows->num_rows()};
  while (rest.rows > 0) {
    const std::int64_t next = SliceBytes({rows, rest.from, 1});
    // A row that does not fit begins a row group of its own rather than adding to what is held.
    if (group_rows_ > 0 && next > GroupRoom()) {
      TRY(EndRowGroup());
    } else if (waiting_rows_ > 0 && next > StageRoom()) {
      TRY(Encode(false));
    }
    BatchSlice slice = {rows, rest.from, RowsThatFit(rest)};
    const std::int64_t bytes = SliceBytes(slice);
    rest.from += slice.rows;
    rest.rows -= slice.rows;
    waiting_rows_ += slice.rows;
    group_rows_ += slice.rows;
    waiting_bytes_ += bytes + array_bytes;
    group_bytes_ += bytes;
    waiting_.push_back(std::move(slice));
    if (group_rows_ >= options_.row_group_rows || GroupRoom() <= 0) {
      TRY(EndRowGroup());
    } else if (waiting_rows_ >= kStageRows || StageRoom() <= 0) {
      TRY(Encode(false));
    }
  }
  return {};
}

std::int64_t ParquetEncoder::ExpectedGroupRows() const {
  const double row_bytes = static_cast<double>(std::max<std::int64_t>(1, group_bytes_)) /
                           static_cast<double>(group_rows_);
  return std::max(group_rows_, static_cast<std::int64_t>(std::min(
                                   static_cast<double>(options_.row_group_rows),
                                   static_cast<double>(options_.row_group_bytes) / row_bytes)));
}

Status ParquetEncoder::EncodeColumn(std::size_t column, std::int64_t group_rows, bool is_last) {
  std::vector<pq::ColumnSlice> slices;
  slices.reserve(waiting_.size());
  for (const BatchSlice& slice : waiting_) {
    slices.push_back(
        {slice.batch->column_data(static_cast<int>(column)).get(), slice.from, slice.rows});
  }
  TRY(columns_[column]->Append(slices, group_rows));
  if (is_last) TRY(columns_[column]->EndChunk());
  return {};
}

Status ParquetEncoder::Encode(bool is_last) {
  const std::int64_t group_rows = is_last ? group_rows_ : ExpectedGroupRows();
  const auto columns = static_cast<std::int64_t>(columns_.size());
  if (!options_.pool || waiting_rows_ * columns < kParallelValuesMin) {
    for (std::size_t i = 0; i < columns_.size(); ++i) TRY(EncodeColumn(i, group_rows, is_last));
  } else {
    // The longest first: text at the end of a row would keep one thread busy while others wait.
    std::vector<std::pair<std::int64_t, std::size_t>> order;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::int64_t bytes = 0;
      for (const BatchSlice& slice : waiting_) {
        bytes += pq::RawBytes(leaves_[i], {slice.batch->column_data(static_cast<int>(i)).get(),
                                           slice.from, slice.rows});
      }
      order.emplace_back(-bytes, i);
    }
    std::sort(order.begin(), order.end());
    TaskGroup group(*options_.pool);
    for (const auto& [bytes, i] : order) {
      group.Add([this, i, group_rows, is_last] { return EncodeColumn(i, group_rows, is_last); });
    }
    TRY(group.Wait());
  }
  waiting_.clear();
  waiting_rows_ = waiting_bytes_ = 0;
  held_bytes_ = 0;
  for (const auto& column : columns_) held_bytes_ += column->held_bytes();
  return {};
}

Status ParquetEncoder::EndRowGroup() {
  TRY(Encode(true));
  file_.BeginRowGroup(group_rows_);
  for (const auto& column : columns_) TRY(file_.AddChunk(*column));
  group_rows_ = group_bytes_ = held_bytes_ = 0;
  return {};
}

}  // namespace

Result<std::unique_ptr<Encoder>> OpenParquet(std::shared_ptr<arrow::Schema> schema,
                                             const FormatOptions& options, ByteSink& sink) {
  TRY(pq::CheckOptions(options));
  if (schema->num_fields() == 0) {
    return Fail(ErrorKind::kUnsupported, "a parquet file needs at least one column");
  }
  std::vector<pq::Leaf> leaves;
  for (const auto& field : schema->fields()) leaves.push_back(TRY(pq::LeafOf(*field)));
  return std::make_unique<ParquetEncoder>(std::move(schema), std::move(leaves), options, sink);
}

}  // namespace tidemark
