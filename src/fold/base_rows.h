#pragma once
#include <arrow/type_fwd.h>

#include <memory>
#include <span>
#include <vector>

#include "fold/base_fold.h"
#include "fold/base_merge.h"
#include "fold/landed_reader.h"
#include "fold/row_bytes.h"

namespace tidemark {

// What rows of a batch say of themselves: columns of a base, or nothing, where they are loaded rows
// or a base of current ones. Good as long as the batch.
class SaidOfRows {
 public:
  // `columns`: where start, end, current and deleted stand in the batch; -1: nowhere. kCorrupt:
  // they are not of their types.
  static Result<SaidOfRows> Of(const LandedReader::Rows& rows, std::span<const int> columns,
                               const LandedFile& file);
  RowVersion VersionOf(std::int64_t row) const;  // without the row's bytes
  bool is_base() const { return is_base_; }

 private:
  bool is_base_ = false;
  const arrow::Array *start_ = nullptr, *end_ = nullptr, *current_ = nullptr, *deleted_ = nullptr;
  const std::int64_t* versions_ = nullptr;
  std::string_view operations_;
};

// Rows of a new base on their way out, in batches. One thread at a time.
class BaseRows {
 public:
  // `order`: the table's columns in the order of rows' bytes. Batches take about `batch_bytes`.
  static Result<std::unique_ptr<BaseRows>> Make(std::shared_ptr<arrow::Schema> schema,
                                                std::vector<int> order, BaseKind kind,
                                                std::int64_t batch_bytes, Fold::BatchSink sink);

  // Those rows of a batch that pass, as they are. `columns`: where the table's columns stand, in
  // the order of rows' bytes.
  Status Pass(const LandedReader::Rows& rows, std::span<const int> columns, const SaidOfRows& said,
              const std::vector<bool>& passes);
  // One version, unless the kind of base has no such rows.
  Status Add(const RowVersion& version);
  Status Flush();

 private:
  BaseRows(std::shared_ptr<arrow::Schema> schema, std::vector<int> order, BaseKind kind,
           std::int64_t batch_bytes, Fold::BatchSink sink, RowDecoder decoder)
      : schema_(std::move(schema)),
        order_(std::move(order)),
        kind_(kind),
        batch_bytes_(batch_bytes),
        sink_(std::move(sink)),
        decoder_(std::move(decoder)) {}
  Result<std::shared_ptr<arrow::RecordBatch>> WithSaid(arrow::ArrayVector columns,
                                                       std::int64_t rows);

  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> order_;
  BaseKind kind_;
  std::int64_t batch_bytes_;
  Fold::BatchSink sink_;
  RowDecoder decoder_;            // of the table's own columns
  std::vector<RowVersion> said_;  // of the rows to go out next; without their bytes
};

}  // namespace tidemark
