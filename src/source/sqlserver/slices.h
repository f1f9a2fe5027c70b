#pragma once
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "source/sqlserver/catalog.h"
#include "source/sqlserver/tds/connection.h"

namespace tidemark::sqlserver {

// A range of a table's key as the server orders it. Its ends are values as the server sent them, of
// the key's own types, and go back to it bit for bit: no text in between could round them or
// compare in another order.
struct KeyRange {
  std::vector<tds::Parameter> after, up_to;  // empty: from the beginning, to the end
};

// What a slice's token holds. kInvalid: it is damaged.
std::string TokenOf(const KeyRange& range);
Result<KeyRange> ParseToken(const std::string& token);

// Ranges of about `target_rows` that cover every row once, in the key's order. At least one.
Result<std::vector<KeyRange>> SplitByKey(tds::Connection& connection, const CatalogTable& table,
                                         std::int64_t target_rows, const std::stop_token& stop);

}  // namespace tidemark::sqlserver
