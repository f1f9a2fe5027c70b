#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/table.h"
#include "source/sqlserver/catalog.h"
#include "source/sqlserver/statements.h"
#include "source/sqlserver/tds/decode.h"

namespace tidemark::sqlserver {

// How values of a column are landed: one column of a file, or several (the digit and the offset
// that a timestamp cannot hold, the base type of a sql_variant, the reference system of a
// geometry).
struct LandedColumn {
  Column column;
  ColumnRef read;                      // what is asked of the server
  tds::Part part = tds::Part::kValue;  // of what it answers
};

// How finer times than a microsecond are landed.
enum class FineTimes {
  kColumns,   // the 100 ns in a column of their own
  kTruncate,  // left out, and counted
};

struct DescribedTable {
  Table table;
  std::vector<LandedColumn> columns;  // those of `table`, in the same order
  std::string unsupported_because;    // not empty: it cannot be landed
};

// What is landed of a table, with what a user should know of it in `table.warnings`.
DescribedTable DescribeTable(const CatalogTable& catalog, TableName name, FineTimes fine_times);

}  // namespace tidemark::sqlserver
