#include "source/sqlserver/statements.h"

#include <fmt/format.h>

#include "model/sql_text.h"

namespace tidemark::sqlserver {
namespace {

std::string Quoted(std::string_view name) { return QuoteIdentifier(name, '['); }
std::string Quoted(const TableRef& table) {
  return Quoted(table.schema) + "." + Quoted(table.name);
}

// `from`: "t." or nothing.
std::string Expression(const ColumnRef& column, std::string_view from) {
  auto name = std::string(from) + Quoted(column.name);
  switch (column.form) {
    case ColumnRef::Form::kPlain:
      return name;
    case ColumnRef::Form::kText:
      return name + ".ToString()";
    case ColumnRef::Form::kWkb:
      return name + ".AsBinaryZM()";
    case ColumnRef::Form::kSrid:
      return name + ".STSrid";
  }
  return name;
}

std::string KeyList(std::span<const KeyRef> key, bool is_ordered) {
  std::string list;
  for (const auto& column : key) {
    if (!list.empty()) list += ", ";
    list += Quoted(column.name);
    if (is_ordered && column.is_descending) list += " DESC";
  }
  return list;
}

// Keys on one side of the one that begins with @p<first>. As disjunctions: T-SQL compares no rows
// of values. `is_last`: the bound itself belongs to the range, and lies at its end.
std::string Bound(std::span<const KeyRef> key, std::size_t first, bool is_last) {
  std::string text = "(", equal;
  for (std::size_t i = 0; i < key.size(); ++i) {
    auto name = Quoted(key[i].name);
    auto parameter = fmt::format("@p{}", first + i);
    bool is_less = is_last != key[i].is_descending;
    bool holds_bound = is_last && i + 1 == key.size();
    if (i > 0) text += " OR (" + equal + " AND ";
    text += fmt::format("{} {}{} {}", name, is_less ? "<" : ">", holds_bound ? "=" : "", parameter);
    if (i > 0) text += ")";
    equal += fmt::format("{}{} = {}", i > 0 ? " AND " : "", name, parameter);
  }
  return text + ")";
}

// On a line of its own, should it end in a comment.
std::string Condition(std::string_view where) { return fmt::format("({}\n)", where); }

bool IsKey(std::span<const KeyRef> key, const std::string& name) {
  for (const auto& column : key)
    if (column.name == name) return true;
  return false;
}

bool IsTextKey(std::span<const KeyRef> key, const std::string& name) {
  for (const auto& column : key)
    if (column.name == name) return column.is_text;
  return false;
}

std::string ChangedColumn(const ColumnRef& column, std::span<const KeyRef> key) {
  if (!IsKey(key, column.name)) return Expression(column, "t.");
  auto noted = Expression(column, "ct.");
  if (!IsTextKey(key, column.name)) return noted;
  return fmt::format("COALESCE({}, {})", Expression(column, "t."), noted);
}

// Each once: what a geometry has is read in two ways. Named, as * leaves out what is hidden or
// sparse.
std::string PlainNames(std::span<const ColumnRef> columns) {
  std::string names;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (i == 0 || columns[i].name != columns[i - 1].name)
      names += (i > 0 ? ", " : "") + Quoted(columns[i].name);
  return names;
}

std::string JoinOnKey(std::span<const KeyRef> key, std::string_view alias) {
  std::string text;
  for (const auto& column : key) {
    auto name = Quoted(column.name);
    text += fmt::format("{}{}.{} = ct.{}", text.empty() ? "" : " AND ", alias, name, name);
  }
  return text;
}

}  // namespace

std::string SessionText(std::int64_t lock_timeout_ms) {
  return fmt::format(
      "SET NOCOUNT ON; SET XACT_ABORT OFF; SET TEXTSIZE -1; SET LOCK_TIMEOUT {}; SET DATEFIRST 7",
      lock_timeout_ms);
}

std::string_view DatabaseText() {
  return "SELECT DB_NAME(), d.database_id, CONVERT(nvarchar(30), d.create_date, 126), "
         "d.snapshot_isolation_state, d.is_read_committed_snapshot_on, "
         "CAST(d.compatibility_level AS int), d.collation_name, "
         "CAST(SERVERPROPERTY('EngineEdition') AS int), "
         "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), @@SERVERNAME, "
         "c.retention_period, c.retention_period_units, c.is_auto_cleanup_on, "
         "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)), USER_NAME(), "
         "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'UNMASK') "
         "FROM sys.databases AS d "
         "LEFT OUTER JOIN sys.change_tracking_databases AS c ON c.database_id = d.database_id "
         "WHERE d.database_id = DB_ID()";
}

std::string_view IncarnationText() {
  return "SELECT CONVERT(nvarchar(36), r.database_guid), CONVERT(nvarchar(36), r.family_guid), "
         "CONVERT(nvarchar(36), r.recovery_fork_guid) FROM sys.database_recovery_status AS r "
         "WHERE r.database_id = DB_ID()";
}

std::string_view VersionText() { return "SELECT CHANGE_TRACKING_CURRENT_VERSION()"; }

std::string_view MinValidText() { return "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(@p1)"; }

std::string TablesText(const CatalogLevel& level) {
  bool has_2016 = level.AtLeast(13), has_2017 = level.AtLeast(14), has_2022 = level.AtLeast(16);
  auto column = [](bool is_there, std::string_view name, std::string_view type) {
    return is_there ? std::string(name) : fmt::format("CAST(0 AS {})", type);
  };
  constexpr std::string_view kName = "QUOTENAME(s.name) + N'.' + QUOTENAME(t.name)";
  auto unmask = has_2022 ? fmt::format("HAS_PERMS_BY_NAME({}, N'OBJECT', N'UNMASK')", kName)
                         : std::string("HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'UNMASK')");
  return fmt::format(
      "SELECT s.name, t.name, t.object_id, CONVERT(nvarchar(30), t.create_date, 126), "
      "t.is_memory_optimized, {}, {}, {}, {}, "
      "ct.begin_version, ct.cleanup_version, ct.min_valid_version, ct.is_track_columns_updated_on, "
      "CHANGE_TRACKING_MIN_VALID_VERSION(t.object_id), "
      "HAS_PERMS_BY_NAME({}, N'OBJECT', N'SELECT'), "
      "HAS_PERMS_BY_NAME({}, N'OBJECT', N'VIEW CHANGE TRACKING'), {}, p.row_count, it.object_id "
      "FROM sys.tables AS t "
      "INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id "
      "LEFT OUTER JOIN sys.change_tracking_tables AS ct ON ct.object_id = t.object_id "
      "LEFT OUTER JOIN sys.internal_tables AS it "
      "ON it.parent_id = t.object_id AND it.internal_type = 209 "  // CHANGE_TRACKING
      "LEFT OUTER JOIN (SELECT object_id, SUM(rows) AS row_count FROM sys.partitions "
      "WHERE index_id IN (0, 1) GROUP BY object_id) AS p ON p.object_id = t.object_id "
      "WHERE t.is_ms_shipped = 0 ORDER BY s.name, t.name",
      column(has_2016, "t.temporal_type", "tinyint"), column(has_2016, "t.is_external", "bit"),
      column(has_2017, "t.is_node", "bit"), column(has_2017, "t.is_edge", "bit"), kName, kName,
      unmask);
}

std::string ColumnsText(const CatalogLevel& level) {
  bool has_2016 = level.AtLeast(13), has_2017 = level.AtLeast(14);
  auto column = [](bool is_there, std::string_view name, std::string_view type) {
    return is_there ? std::string(name)
                    : fmt::format("CAST({} AS {})", type == "int" ? "NULL" : "0", type);
  };
  return fmt::format(
      "SELECT c.object_id, c.column_id, c.name, st.name, ut.name, c.max_length, c.precision, "
      "c.scale, c.collation_name, c.is_nullable, c.is_computed, {}, {}, {}, {}, c.is_column_set, "
      "{}, c.is_identity, dc.definition "
      "FROM sys.columns AS c "
      "INNER JOIN sys.tables AS t ON t.object_id = c.object_id "
      "LEFT OUTER JOIN sys.types AS ut ON ut.user_type_id = c.user_type_id "
      "LEFT OUTER JOIN sys.types AS st ON st.user_type_id = c.system_type_id "
      "LEFT OUTER JOIN sys.default_constraints AS dc ON dc.object_id = c.default_object_id "
      "WHERE t.is_ms_shipped = 0 ORDER BY c.object_id, c.column_id",
      column(has_2016, "c.is_hidden", "bit"), column(has_2016, "c.is_masked", "bit"),
      column(has_2016, "c.encryption_type", "int"),
      column(has_2016, "c.generated_always_type", "tinyint"),
      column(has_2017, "c.graph_type", "int"));
}

std::string_view KeysText() {
  return "SELECT ic.object_id, ic.column_id, ic.key_ordinal, ic.is_descending_key "
         "FROM sys.indexes AS i "
         "INNER JOIN sys.tables AS t ON t.object_id = i.object_id "
         "INNER JOIN sys.index_columns AS ic "
         "ON ic.object_id = i.object_id AND ic.index_id = i.index_id "
         "WHERE i.is_primary_key = 1 AND t.is_ms_shipped = 0 AND ic.key_ordinal > 0 "
         "ORDER BY ic.object_id, ic.key_ordinal";
}

std::string_view SecurityText() {
  return "SELECT DISTINCT sp.target_object_id FROM sys.security_predicates AS sp "
         "INNER JOIN sys.security_policies AS p ON p.object_id = sp.object_id "
         "WHERE p.is_enabled = 1 AND sp.predicate_type = 0";
}

std::string_view SnapshotIsolationText() { return "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"; }
std::string_view ReadCommittedText() { return "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"; }
std::string_view BeginText() { return "BEGIN TRANSACTION"; }
std::string_view RollbackText() { return "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"; }

std::string TouchText(const TableRef& table) {
  return fmt::format("SELECT TOP (1) 1 FROM {}", Quoted(table));
}

std::string RowsText(const RowsQuery& query) {
  std::string columns, condition;
  for (const auto& column : query.columns)
    columns += (columns.empty() ? "" : ", ") + Expression(column, "");
  auto add = [&](const std::string& text) {
    condition += (condition.empty() ? " WHERE " : " AND ") + text;
  };
  if (query.has_after) add(Bound(query.key, 1, /*is_last=*/false));
  if (query.has_up_to)
    add(Bound(query.key, query.has_after ? query.key.size() + 1 : 1, /*is_last=*/true));
  if (!query.where.empty()) add(Condition(query.where));
  return fmt::format("SELECT {} FROM {}{}", columns, Quoted(query.table), condition);
}

std::string BoundsText(const TableRef& table, std::span<const KeyRef> key) {
  auto names = KeyList(key, /*is_ordered=*/false), ordered = KeyList(key, /*is_ordered=*/true);
  return fmt::format(
      "SELECT {} FROM (SELECT {}, ROW_NUMBER() OVER (ORDER BY {}) AS [tidemark_row] FROM {}) AS r "
      "WHERE r.[tidemark_row] % @p1 = 0 ORDER BY {}",
      names, names, ordered, Quoted(table), ordered);
}

// With a condition the table is joined twice: `b` tells whether there is a row, `t` whether it is
// wanted, and has no values where it is not. In one join a key column of the condition would be
// ambiguous, and each column would need a CASE of its own.
std::string ChangesText(const ChangesQuery& query) {
  std::string columns;
  for (const auto& column : query.columns) columns += ", " + ChangedColumn(column, query.key);
  auto table = Quoted(query.table), key = Quoted(query.key.front().name);
  std::string presence = "t", unwanted, join;
  if (query.where.empty()) {
    join = fmt::format("LEFT OUTER JOIN {} AS t ON {}", table, JoinOnKey(query.key, "t"));
  } else {
    presence = "b";
    unwanted = fmt::format("WHEN t.{} IS NULL THEN N'D' ", key);
    join = fmt::format(
        "LEFT OUTER JOIN {} AS b ON {} LEFT OUTER JOIN (SELECT {} FROM {} WHERE {}) AS t ON {}",
        table, JoinOnKey(query.key, "b"), PlainNames(query.columns), table, Condition(query.where),
        JoinOnKey(query.key, "t"));
  }
  return fmt::format(
      "SELECT ct.SYS_CHANGE_VERSION, ct.SYS_CHANGE_CREATION_VERSION, "
      "CASE WHEN {}.{} IS NULL THEN CASE ct.SYS_CHANGE_OPERATION WHEN N'D' THEN N'D' ELSE N'?' END "
      "{}WHEN ct.SYS_CHANGE_OPERATION = N'I' THEN N'I' ELSE N'U' END{} "
      "FROM CHANGETABLE(CHANGES {}, @p1) AS ct {}",
      presence, key, unwanted, columns, table, join);
}

std::string ChangedTablesText(std::span<const TableRef> tables) {
  std::string text;
  for (std::size_t i = 0; i < tables.size(); ++i)
    text +=
        fmt::format("{}SELECT {} WHERE EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES {}, @p{}) AS ct)",
                    i > 0 ? " UNION ALL " : "", i, Quoted(tables[i]), i + 1);
  return text;
}

std::string EmptyTablesText(std::span<const TableRef> tables) {
  std::string text;
  for (std::size_t i = 0; i < tables.size(); ++i)
    text += fmt::format("{}SELECT {} WHERE NOT EXISTS (SELECT 1 FROM {})",
                        i > 0 ? " UNION ALL " : "", i, Quoted(tables[i]));
  return text;
}

std::string ConditionText(const TableRef& table, std::string_view where) {
  return fmt::format("SELECT TOP (0) 1 FROM {} WHERE {}", Quoted(table), Condition(where));
}

std::string EnableDatabaseText(std::string_view database, int retention_days) {
  return fmt::format(
      "ALTER DATABASE {} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = {} DAYS, AUTO_CLEANUP = ON)",
      Quoted(database), retention_days);
}
std::string SetRetentionText(std::string_view database, int retention_days) {
  return fmt::format("ALTER DATABASE {} SET CHANGE_TRACKING (CHANGE_RETENTION = {} DAYS)",
                     Quoted(database), retention_days);
}
std::string DisableDatabaseText(std::string_view database) {
  return fmt::format("ALTER DATABASE {} SET CHANGE_TRACKING = OFF", Quoted(database));
}
std::string AllowSnapshotText(std::string_view database) {
  return fmt::format("ALTER DATABASE {} SET ALLOW_SNAPSHOT_ISOLATION ON", Quoted(database));
}
std::string EnableTableText(const TableRef& table) {
  return fmt::format("ALTER TABLE {} ENABLE CHANGE_TRACKING", Quoted(table));
}
std::string DisableTableText(const TableRef& table) {
  return fmt::format("ALTER TABLE {} DISABLE CHANGE_TRACKING", Quoted(table));
}
std::string GrantText(std::string_view permission, const TableRef& table, std::string_view user) {
  return fmt::format("GRANT {} ON {} TO {}", permission, Quoted(table), Quoted(user));
}
std::string GrantUnmaskText(std::string_view user) {
  return fmt::format("GRANT UNMASK TO {}", Quoted(user));
}
std::string AddKeyText(const TableRef& table) {
  return fmt::format("ALTER TABLE {} ADD PRIMARY KEY (<columns>)", Quoted(table));
}

}  // namespace tidemark::sqlserver
