#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/table.h"

namespace tidemark {

// A name as one part of a path: bytes outside [A-Za-z0-9_.-], a leading dot and glob characters
// become %XX; over 120 bytes: a prefix, '-' and 16 hex digits of the name's SHA-256.
std::string PathPart(std::string_view name);

// As PathPart, with a suffix of the hash where another name in `siblings` (which may hold `name`
// itself) has the same part after case folding: some file systems would mix them up.
std::string PathPart(std::string_view name, const std::vector<std::string>& siblings);

// The three parts of a table's folder.
struct TablePath {
  std::string database, schema, table;
  std::string Joined() const { return database + "/" + schema + "/" + table; }
};

// Whether `pattern` (* and ?, the rest literal; without a dot it stands for the table in any
// schema) matches "schema.table".
bool MatchesGlob(std::string_view pattern, const TableName& name);

}  // namespace tidemark
