#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "model/table.h"
#include "source/sqlite/catalog.h"
#include "source/sqlite/column_builder.h"

namespace tidemark::sqlite {

// Rowids from `first` to `last`, both included.
struct RowidRange {
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  bool operator==(const RowidRange&) const = default;
};

// A value of a key as SQLite stores it; NULL cannot be one.
struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
using KeyValue = std::variant<std::int64_t, double, std::string, Blob>;
using KeyTuple = std::vector<KeyValue>;

// Keys behind `after` up to and including `up_to`, in the order of the table's own collations; an
// empty tuple is no bound.
struct KeyRange {
  KeyTuple after, up_to;
};

// Which rows of a table. Rowids where the table has them, keys where it has none.
using RowRange = std::variant<std::monostate, RowidRange, KeyRange>;

// A batch ends at whichever comes first.
struct BatchLimits {
  std::int64_t rows = 16'384;
  std::int64_t bytes = 4 << 20;
};

// How far a stream has come, for going on elsewhere behind it.
struct RowPosition {
  std::optional<std::int64_t> rowid;  // tables with rowids that can be named
  KeyTuple key;                       // tables without rowids
};

// Rows in the order of rowids or keys, as RowSchema(table). After each Next the last row of its
// batch is `position()`; nothing before the first. Next: kMisfit, kCancelled.
class RowStream : public BatchStream {
 public:
  virtual const RowPosition& position() const = 0;
};

// The part of `range` that lies behind `position`; nothing: no row can be left there.
std::optional<RowRange> RangeBehind(const RowRange& range, const RowPosition& position);

// What both ways of reading a table are told.
struct RowRequest {
  const CatalogTable* catalog;  // as of the connection's transaction; need not outlive the opening
  const Table* table;           // columns to read, as the types they have there; likewise
  RowRange range;
  BatchLimits limits;
  std::stop_token stop;
};

// Reads with SQL on a connection in a read transaction, which must outlive the stream.
// kInvalid: the range is of a kind that the table does not have.
Result<std::unique_ptr<RowStream>> OpenSqlRows(Connection& connection, const RowRequest& request);

}  // namespace tidemark::sqlite
