#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "encode/cells.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace tidemark {

// Rows as JSON objects, straight from Arrow's buffers: how each column is spelt is chosen once.
// Thread-safe once made. What stands for what:
//   integers, booleans, NULL   as JSON has them, all 64 bits
//   reals                      as text.h spells them; NaN and infinities, which JSON lacks, as the
//                              texts "NaN", "Infinity", "-Infinity"
//   decimals                   as text, since readers take a JSON number for a double
//   bytes                      as base64 text (RFC 4648, padded)
//   dates, times, timestamps   as ISO 8601 text; no fraction where it is zero; +00:00 with a zone
//   text                       as it is; only what JSON demands is escaped
class RowJson {
 public:
  // Of the columns from `first_column` on. kUnsupported names the column and its type.
  static Result<RowJson> Make(const arrow::Schema& schema, int first_column);

  // Appends rows from `row` on, before each its length as 4 bytes, until `out` has `bytes_max` or
  // `end` is reached, and returns where it stopped; at least one row. kInvalid: a text is not
  // UTF-8, kUnsupported: a row of more than 2 GiB; both name the column.
  Result<std::int64_t> Append(const arrow::RecordBatch& rows, std::int64_t row, std::int64_t end,
                              std::size_t bytes_max, pq::ByteBuffer& out) const;

  std::int64_t columns() const { return std::ssize(columns_); }

 private:
  struct Column {
    int position = 0;  // in batches
    CellType type;
    Lead lead;         // { or a comma, and the name
    std::string name;  // for messages
  };

  std::vector<Column> columns_;
};

}  // namespace tidemark
