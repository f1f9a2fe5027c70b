#pragma once
#include <memory>
#include <string>
#include <vector>

#include "source/sqlserver/tds/decode_step.h"

namespace tidemark::tds {

// What a RowDecoder holds. Steps point into `columns` and `buffers`, which stay where they are.
struct Decoding {
  std::vector<ResultColumn> columns;
  std::vector<OutputColumn> outputs;
  std::shared_ptr<arrow::Schema> schema;
  DecodeLimits limits;
  std::vector<std::unique_ptr<ColumnBuffers>> buffers;  // of each output
  std::vector<DecodeCounts> counts;                     // likewise
  std::vector<Step> steps;                              // of each result column
  std::int64_t rows = 0, capacity = 0;
  std::int64_t fixed_bytes_per_row = 0;
  std::int64_t bytes_between_checks = 0;  // of the wire, between two looks at what the rows occupy
  bool is_check_due = false;              // at the end of this row: the window has moved
  std::vector<std::uint8_t> nulls;        // of the row in progress
  // Rows that were taken off when the one after them did not fit beside them.
  std::shared_ptr<arrow::RecordBatch> ready;

  std::int64_t bytes() const;
  bool is_full() const { return ready || rows >= limits.rows || bytes() >= limits.bytes; }
  Status Grow(std::int64_t rows_wanted);
  // All rows but, where asked for, what there is of the one in progress, which becomes row 0.
  Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(bool keep_last);
};

// One value that does not lie whole in the window, or is unusual; the window stands at its begin
// and then at its end.
Status DecodeSlowly(Decoding* decoding, const Step& step, Input& input);

// A value of any length, piece by piece.
Status DecodeStream(Decoding* decoding, const Step& step, Input& input);

std::string Named(const ResultColumn& column);
// Why PutNulls said false.
Error NullInKey(const Step& step);

}  // namespace tidemark::tds
