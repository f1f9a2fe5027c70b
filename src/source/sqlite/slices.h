#pragma once
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "source/sqlite/catalog.h"
#include "source/sqlite/read_rows.h"

namespace tidemark::sqlite {

// Which rows a slice holds, with the storage class of each value of a key.
std::string TokenOf(const RowRange& range);
// kInvalid: not a token of ours.
Result<RowRange> ParseToken(const std::string& token);

// All rows of a table in one go.
RowRange WholeRange(const CatalogTable& table);

// Boundaries of about `target_rows` rows each, found by walking the rows in key order once. One
// slice where the rows cannot be more than that, or have no order that SQL can name. kCancelled.
Result<std::vector<RowRange>> SplitByWalk(Connection& connection, const CatalogTable& table,
                                          std::int64_t target_rows, const std::stop_token& stop);

}  // namespace tidemark::sqlite
