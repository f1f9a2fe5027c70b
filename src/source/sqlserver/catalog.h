#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "source/sqlserver/statements.h"
#include "source/sqlserver/tds/values.h"

namespace tidemark::sqlserver {

// What the server says of the database, read in few statements whatever its size. The functions
// below take the rows of the statement of their name; kCorrupt: rows of another shape.

struct DatabaseFacts {
  std::string name, created, collation, version, server, user;
  int engine_edition = 0;
  bool allows_snapshot = false;  // ALLOW_SNAPSHOT_ISOLATION is ON, not only on its way
  bool is_updateable = true;     // false: a secondary, which knows nothing of change tracking
  bool is_tracked = false;       // change tracking is on for the database
  bool cleans_up = false;
  std::int64_t retention_seconds = 0;
  bool can_unmask = false;
  std::string fork;  // another one after a restore; empty: the server keeps it to itself
  CatalogLevel level() const;
  // What a restored or failed-over database has another one of.
  std::string Incarnation() const;
};
Result<DatabaseFacts> ParseDatabase(std::span<const tds::Row> rows);
// The recovery fork.
Result<std::string> ParseIncarnation(std::span<const tds::Row> rows);

struct CatalogColumn {
  std::int64_t id = 0;  // is not given out again in its table, and survives a rename
  std::string name;
  std::string type;  // of the system: that of an alias type's base; of a CLR type its own
  int max_length = 0, precision = 0, scale = 0;  // max_length: bytes, -1: (max)
  std::string collation;
  bool is_nullable = true, is_computed = false, is_hidden = false, is_masked = false;
  bool is_encrypted = false, is_column_set = false, is_generated = false, is_clr = false;
  int graph_type = 0;  // 0: of no graph
  bool has_default = false;
};

struct CatalogKeyColumn {
  std::size_t column = 0;  // of CatalogTable::columns
  bool is_descending = false;
};

struct CatalogTable {
  std::string schema, name, created;
  std::int64_t object_id = 0;
  bool is_memory_optimized = false, is_external = false, is_graph = false, is_history = false;
  bool is_tracked = false;
  std::optional<std::int64_t> begin_version, cleanup_version;
  // The server's own table that notes the changes: another one once tracking was off and on again.
  std::optional<std::int64_t> tracking_id;  // nothing: this login may not see it
  std::optional<std::int64_t>
      min_valid_version;  // of the server's function; nothing: see preflight
  bool can_select = false, can_view_changes = false, can_unmask = false;
  bool has_row_security = false;
  std::int64_t rows = 0;  // as its partitions count them
  std::vector<CatalogColumn> columns;
  std::vector<CatalogKeyColumn> key;

  TableRef ref() const { return {.schema = schema, .name = name}; }
  std::vector<KeyRef> key_refs() const;
};
Result<std::vector<CatalogTable>> ParseTables(std::span<const tds::Row> rows);
// To tables of ParseTables; of others, made since, they are passed over.
Status AddColumns(std::span<const tds::Row> rows, std::vector<CatalogTable>& tables);
Status AddKeys(std::span<const tds::Row> rows, std::vector<CatalogTable>& tables);
Status AddSecurity(std::span<const tds::Row> rows, std::vector<CatalogTable>& tables);

// Which spellings a collation takes for one.
bool IsCaseSensitive(const std::string& collation);
bool IsBinary(const std::string& collation);

}  // namespace tidemark::sqlserver
