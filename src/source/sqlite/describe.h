#pragma once
#include <map>
#include <optional>
#include <string>

#include "model/table.h"
#include "source/sqlite/catalog.h"

namespace tidemark::sqlite {

// The table as its declaration promises it. Estimated rows are left at 0.
Table DescribeTable(const CatalogTable& catalog, TableName name);

// Why it cannot be landed at all; empty: it can.
std::string UnsupportedBecause(const CatalogTable& catalog);

// Rows of each table as ANALYZE last counted them; tables it did not see are missing.
Result<std::map<std::string, std::int64_t>> ReadAnalyzedRows(Connection& connection);

// From the ends of the table's tree, never by counting; may be off by far, never above what the
// file can hold. Nothing: it has no rowids, or none that can be named.
Result<std::optional<std::int64_t>> EstimateRows(Connection& connection,
                                                 const CatalogTable& catalog);

}  // namespace tidemark::sqlite
