#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/sqlite/database.h"

namespace tidemark::sqlite {

inline constexpr std::string_view kOwnPrefix = "_tidemark_";  // tables and triggers of tracking

struct CatalogColumn {
  std::string name;
  std::string declared_type;  // as written
  bool is_not_null = false;
  std::optional<std::string> default_sql;  // the expression as written
  int key_position = 0;                    // 1-based; 0: not in the primary key
  enum class Generated { kNo, kVirtual, kStored } generated = Generated::kNo;
  std::string collation = "BINARY";
};

struct UniqueIndex {
  std::string name;
  std::string sql;  // empty for automatic ones (UNIQUE and PRIMARY KEY in the table)
  bool is_primary_key = false, is_partial = false;
  struct Term {
    std::string column;  // empty: an expression, see sql
    std::string collation;
  };
  std::vector<Term> terms;
};

struct CatalogTable {
  std::string name;
  std::string sql;
  enum class Kind { kOrdinary, kVirtual } kind = Kind::kOrdinary;
  std::int64_t root_page = 0;     // 0: virtual
  std::int64_t schema_rowid = 0;  // in sqlite_schema: grows when the table is made again
  bool is_without_rowid = false, is_strict = false;
  std::vector<CatalogColumn> columns;  // generated ones too, hidden ones of virtual tables not
  std::vector<int> key;                // columns of the primary key, in key order
  std::optional<int> rowid_alias;      // the INTEGER PRIMARY KEY column
  std::string rowid_name;  // rowid, _rowid_ or oid, unshadowed; empty: none can be named
  std::vector<UniqueIndex> unique_indexes;
};

// User tables of `main`, by name: not sqlite_*, not our own, not shadow tables of virtual tables.
// Virtual tables whose module is not there are listed with no columns.
Result<std::vector<CatalogTable>> ReadCatalog(Connection& connection);

// Their names alone, for a fraction of the price.
Result<std::vector<std::string>> ReadTableNames(Connection& connection);

// "main.sqlite_schema" facts of one table; kNotFound.
Result<CatalogTable> ReadCatalogTable(Connection& connection, const std::string& name);

}  // namespace tidemark::sqlite
