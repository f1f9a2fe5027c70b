#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "source/source.h"
#include "source/sqlite/catalog.h"

namespace tidemark::sqlite {

// A value of a key with its storage class, so that it comes back as what it was.
struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
using KeyValue = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;
using KeyValues = std::vector<KeyValue>;

// Which rows a slice holds.
struct SliceBounds {
  enum class Kind {
    kAll,    // whatever can be read in one go
    kRowid,  // first_rowid <= rowid <= last_rowid
    kKey,    // of WITHOUT ROWID tables: from <= key < to, as the key's collations order
  } kind = Kind::kAll;
  std::int64_t first_rowid = INT64_MIN, last_rowid = INT64_MAX;
  KeyValues from, to;  // empty: unbounded
  bool operator==(const SliceBounds&) const = default;
};

std::string TokenOf(const SliceBounds& bounds);
// kInvalid: not a token of ours.
Result<SliceBounds> ParseToken(const std::string& token);

// A value of a result row.
KeyValue ReadKeyValue(sqlite3_stmt* statement, int column);
Status BindKeyValue(Statement& statement, int index, const KeyValue& value);

// Boundaries of about `target_rows` rows each, found by walking the rows in key order once. One slice
// where the rows cannot be more than that, or have no order that SQL can name. kCancelled.
Result<std::vector<SliceBounds>> SplitByWalk(Connection& connection, const CatalogTable& table,
                                             std::int64_t target_rows, const std::stop_token& stop);

}  // namespace tidemark::sqlite
