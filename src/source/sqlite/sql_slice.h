#pragma once
#include <memory>

#include "source/sqlite/catalog.h"
#include "source/sqlite/slices.h"

namespace tidemark::sqlite {

// Where a stream of rows stands after a batch; a stream opened with it gives the rows that follow.
struct SlicePosition {
  std::optional<std::int64_t> rowid;  // of the last row, kRowid
  KeyValues key;                      // of the last row, kKey; empty: none yet
  std::int64_t rows = 0;              // given so far, kAll
};

struct SliceLimits {
  std::int64_t rows = 16'384;
  std::int64_t bytes = 4 << 20;  // a batch ends at whichever comes first
};

// Rows of a slice as a statement gives them. Same threads and errors as BatchStream.
class SqlSlice {
 public:
  // `connection` is in a read transaction and outlives the stream.
  static Result<std::unique_ptr<SqlSlice>> Open(Connection& connection,
                                                const CatalogTable& catalog, const Table& table,
                                                const SliceBounds& bounds,
                                                const SlicePosition& after);
  virtual ~SqlSlice() = default;
  // Null: no more. Moves `position` behind the batch.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next(const SliceLimits& limits,
                                                           SlicePosition& position) = 0;
};

}  // namespace tidemark::sqlite
