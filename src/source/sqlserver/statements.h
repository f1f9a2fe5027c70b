#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::sqlserver {

// All T-SQL of this source stands in statements.cc. Names are quoted there, values are parameters
// (@p1, @p2, …) that the caller gives in the order that is said, and the text of a statement
// depends on names alone, so that the server plans each once.

// Which columns the server's catalog has.
struct CatalogLevel {
  int major_version = 16;     // 13: SQL Server 2016 …
  bool is_evergreen = false;  // Azure SQL Database and Managed Instance: newest, whatever they say
  bool AtLeast(int version) const { return is_evergreen || major_version >= version; }
};

// A table as statements name it.
struct TableRef {
  std::string schema, name;
};

struct KeyRef {
  std::string name;
  bool is_descending = false;  // in the key's index
  // Two spellings may be equal to the server: the row's own is wanted while there is a row.
  bool is_text = false;
};

// One column of a result.
struct ColumnRef {
  enum class Form {
    kPlain,
    kText,  // hierarchyid: .ToString()
    kWkb,   // geometry, geography: well-known binary with Z and M
    kSrid,
  };
  std::string name;
  Form form = Form::kPlain;
};

// After login, as a batch of its own.
std::string SessionText(std::int64_t lock_timeout_ms);

// The database: see DatabaseFacts in catalog.h for the columns.
std::string_view DatabaseText();
// Its restore history; error 208, 297 or 300 where the server keeps it to itself.
std::string_view IncarnationText();
std::string_view VersionText();  // bigint, NULL: change tracking is off
// Of the table with object id @p1: the lowest version after which all changes are kept.
std::string_view MinValidText();

// Tables, columns, keys and row-level security of the whole database, one statement each.
std::string TablesText(const CatalogLevel& level);
std::string ColumnsText(const CatalogLevel& level);
std::string_view KeysText();
std::string_view SecurityText();  // from version 13

// Transactions of a session.
std::string_view SnapshotIsolationText();
std::string_view ReadCommittedText();
std::string_view BeginText();
std::string_view RollbackText();
// Reads a row at most: a SNAPSHOT transaction's view begins with its first access to data.
std::string TouchText(const TableRef& table);

// Rows. `after`: @p1… are the key that rows come after; `up_to`: the next ones are the last key.
struct RowsQuery {
  TableRef table;
  std::vector<ColumnRef> columns;
  std::vector<KeyRef> key;  // of the range; may be empty without one
  bool has_after = false, has_up_to = false;
  std::string where;  // a condition of the user's; empty: all
};
std::string RowsText(const RowsQuery& query);
// The key of each @p1th row in the key's order.
std::string BoundsText(const TableRef& table, std::span<const KeyRef> key);

// Net changes after version @p1: SYS_CHANGE_VERSION, SYS_CHANGE_CREATION_VERSION, the operation as
// the rows themselves tell it, then the columns, of which a row that is gone has its key alone.
// '?': noted as inserted or updated, and not there.
struct ChangesQuery {
  TableRef table;
  std::vector<ColumnRef> columns;
  std::vector<KeyRef> key;
  std::string where;  // a row for which it does not hold counts as deleted
};
std::string ChangesText(const ChangesQuery& query);

// The numbers (from 0) of those tables that have changes after version @p<number + 1>.
std::string ChangedTablesText(std::span<const TableRef> tables);
// The numbers of those that have no row.
std::string EmptyTablesText(std::span<const TableRef> tables);
// At most kTablesAStatement of them: a statement has 2,100 parameters, and a plan must stay small.
inline constexpr std::size_t kTablesAStatement = 200;

// Whether a condition is one at all: no rows come back.
std::string ConditionText(const TableRef& table, std::string_view where);

// What an administrator runs.
std::string EnableDatabaseText(std::string_view database, int retention_days);
std::string SetRetentionText(std::string_view database, int retention_days);
std::string DisableDatabaseText(std::string_view database);
std::string AllowSnapshotText(std::string_view database);
std::string EnableTableText(const TableRef& table);
std::string DisableTableText(const TableRef& table);
std::string GrantText(std::string_view permission, const TableRef& table, std::string_view user);
std::string GrantUnmaskText(std::string_view user);
std::string AddKeyText(const TableRef& table);  // with a place for the columns

}  // namespace tidemark::sqlserver
