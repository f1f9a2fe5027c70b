#include "source/sqlite/catalog.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.h"

namespace tidemark::sqlite {
namespace {

bool ContainsNoCase(std::string_view text, std::string_view word) {
  auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

// What PRAGMA table_list alone knows.
struct ListedTable {
  bool is_virtual = false, is_without_rowid = false, is_strict = false;
};

// The statements of one reading, prepared once: a database may have thousands of tables.
class CatalogReader {
 public:
  static Result<CatalogReader> Make(Connection& connection, const std::string* only_name);
  Result<std::vector<CatalogTable>> Read();
  Result<std::vector<std::string>> ReadNames();

 private:
  explicit CatalogReader(Connection& connection) : connection_(connection) {}
  Status ReadListedTables();
  const ListedTable* FindUserTable(const std::string& name) const;  // null: not the user's
  Status ReadIndexSql();
  Result<std::optional<CatalogTable>> ReadTable(const Statement& row);
  Status ReadColumns(CatalogTable& table);
  Status ReadCollations(CatalogTable& table);
  Status ReadIndexes(CatalogTable& table);
  Status ReadTerms(UniqueIndex& index);

  Connection& connection_;
  Statement tables_, columns_, indexes_, terms_;
  std::unordered_map<std::string, ListedTable> listed_;
  std::unordered_map<std::string, std::string> index_sql_;  // of each index, by name
  std::unordered_set<std::string> indexed_;                 // names of tables that have any
};

Result<CatalogReader> CatalogReader::Make(Connection& connection, const std::string* only_name) {
  CatalogReader reader(connection);
  std::string filter = only_name ? " and name = ?1" : "";
  reader.tables_ = TRY(connection.Prepare(
      "select name, sql, rootpage, rowid from main.sqlite_schema where type = 'table'" + filter +
      " order by name"));
  if (only_name) TRY(reader.tables_.Bind(1, std::string_view(*only_name)));
  reader.columns_ =
      TRY(connection.Prepare("select name, type, \"notnull\", dflt_value, pk, hidden from "
                             "pragma_table_xinfo(?1, 'main')"));
  reader.indexes_ = TRY(connection.Prepare(
      "select name, origin, partial from pragma_index_list(?1, 'main') where \"unique\" order by "
      "name"));
  reader.terms_ = TRY(connection.Prepare(
      "select cid, name, coll from pragma_index_xinfo(?1, 'main') where key order by seqno"));
  TRY(reader.ReadListedTables());
  TRY(reader.ReadIndexSql());
  return reader;
}

Status CatalogReader::ReadListedTables() {
  // Asking for one table by name walks the whole list too, so it is read once.
  auto list = TRY(connection_.Prepare(
      "select name, type, wr, strict from pragma_table_list where schema = 'main' and type in "
      "('table', 'virtual')"));
  while (TRY(list.Step())) {
    listed_[list.Text(0)] = {.is_virtual = list.Text(1) == "virtual",
                             .is_without_rowid = list.Int(2) != 0,
                             .is_strict = list.Int(3) != 0};
  }
  return {};
}

Status CatalogReader::ReadIndexSql() {
  auto list = TRY(connection_.Prepare(
      "select name, tbl_name, sql from main.sqlite_schema where type = 'index'"));
  while (TRY(list.Step())) {
    index_sql_[list.Text(0)] = list.Text(2);
    indexed_.insert(list.Text(1));
  }
  return {};
}

Status CatalogReader::ReadColumns(CatalogTable& table) {
  columns_.Reset();
  TRY(columns_.Bind(1, std::string_view(table.name)));
  while (TRY(columns_.Step())) {
    auto hidden = columns_.Int(5);
    if (hidden == 1) continue;
    CatalogColumn column;
    column.name = columns_.Text(0);
    column.declared_type = columns_.Text(1);
    column.is_not_null = columns_.Int(2) != 0;
    if (!columns_.IsNull(3)) column.default_sql = columns_.Text(3);
    column.key_position = static_cast<int>(columns_.Int(4));
    if (hidden == 2) column.generated = CatalogColumn::Generated::kVirtual;
    if (hidden == 3) column.generated = CatalogColumn::Generated::kStored;
    table.columns.push_back(std::move(column));
  }
  columns_.Reset();
  std::vector<std::pair<int, int>> key;
  for (int i = 0; i < static_cast<int>(table.columns.size()); ++i) {
    if (int position = table.columns[i].key_position; position > 0) key.push_back({position, i});
  }
  std::sort(key.begin(), key.end());
  for (auto [position, column] : key) table.key.push_back(column);
  return {};
}

Status CatalogReader::ReadCollations(CatalogTable& table) {
  // No pragma tells a column's collation, and few tables name any.
  if (table.kind == CatalogTable::Kind::kVirtual || !ContainsNoCase(table.sql, "collate"))
    return {};
  for (auto& column : table.columns) {
    const char* collation = nullptr;
    int code = sqlite3_table_column_metadata(connection_.raw(), "main", table.name.c_str(),
                                             column.name.c_str(), nullptr, &collation, nullptr,
                                             nullptr, nullptr);
    if (code != SQLITE_OK) return Fail(ErrorOf(connection_.raw(), code));
    if (collation) column.collation = collation;
  }
  return {};
}

Status CatalogReader::ReadTerms(UniqueIndex& index) {
  terms_.Reset();
  TRY(terms_.Bind(1, std::string_view(index.name)));
  while (TRY(terms_.Step())) index.terms.push_back({terms_.Text(1), terms_.Text(2)});
  terms_.Reset();
  return {};
}

Status CatalogReader::ReadIndexes(CatalogTable& table) {
  // The primary key of a WITHOUT ROWID table is the table itself and not in sqlite_schema.
  if (!table.is_without_rowid && !indexed_.contains(table.name)) return {};
  indexes_.Reset();
  TRY(indexes_.Bind(1, std::string_view(table.name)));
  while (TRY(indexes_.Step())) {
    UniqueIndex index;
    index.name = indexes_.Text(0);
    index.is_primary_key = indexes_.Text(1) == "pk";
    index.is_partial = indexes_.Int(2) != 0;
    auto sql = index_sql_.find(index.name);
    if (sql != index_sql_.end()) index.sql = sql->second;
    table.unique_indexes.push_back(std::move(index));
  }
  indexes_.Reset();
  for (auto& index : table.unique_indexes) TRY(ReadTerms(index));
  return {};
}

std::string NameOfRowid(const CatalogTable& table) {
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    bool is_shadowed = std::any_of(table.columns.begin(), table.columns.end(),
                                   [&](auto& column) { return EqualsNoCase(column.name, name); });
    if (!is_shadowed) return name;
  }
  return {};
}

const ListedTable* CatalogReader::FindUserTable(const std::string& name) const {
  auto start = std::string_view(name);
  if (EqualsNoCase(start.substr(0, 7), "sqlite_") ||
      EqualsNoCase(start.substr(0, kOwnPrefix.size()), kOwnPrefix))
    return nullptr;
  auto listed = listed_.find(name);
  return listed == listed_.end() ? nullptr : &listed->second;  // not listed: a shadow table
}

Result<std::optional<CatalogTable>> CatalogReader::ReadTable(const Statement& row) {
  CatalogTable table;
  table.name = row.Text(0);
  const auto* listed = FindUserTable(table.name);
  if (!listed) return std::optional<CatalogTable>();
  table.sql = row.Text(1);
  table.root_page = row.Int(2);
  table.schema_rowid = row.Int(3);
  table.is_without_rowid = listed->is_without_rowid;
  table.is_strict = listed->is_strict;
  if (listed->is_virtual) {
    table.kind = CatalogTable::Kind::kVirtual;
    // Its module may be missing; that is this table's trouble alone.
    if (!ReadColumns(table)) {
      columns_.Reset();
      table.columns.clear();
      table.key.clear();
    }
    return std::optional<CatalogTable>(std::move(table));
  }
  TRY(ReadColumns(table));
  TRY(ReadCollations(table));
  TRY(ReadIndexes(table));
  if (!table.is_without_rowid) {
    table.rowid_name = NameOfRowid(table);
    // Any other primary key of a rowid table has an index of its own (INTEGER PRIMARY KEY DESC
    // too).
    bool has_key_index = std::any_of(table.unique_indexes.begin(), table.unique_indexes.end(),
                                     [](auto& index) { return index.is_primary_key; });
    if (table.key.size() == 1 && !has_key_index) table.rowid_alias = table.key[0];
  }
  return std::optional<CatalogTable>(std::move(table));
}

Result<std::vector<CatalogTable>> CatalogReader::Read() {
  std::vector<CatalogTable> tables;
  while (TRY(tables_.Step())) {
    auto table = TRY(ReadTable(tables_));
    if (table) tables.push_back(std::move(*table));
  }
  return tables;
}

Result<std::vector<std::string>> CatalogReader::ReadNames() {
  std::vector<std::string> names;
  while (TRY(tables_.Step())) {
    if (FindUserTable(tables_.Text(0))) names.push_back(tables_.Text(0));
  }
  return names;
}

}  // namespace

Result<std::vector<std::string>> ReadTableNames(Connection& connection) {
  auto reader = TRY(CatalogReader::Make(connection, nullptr));
  return reader.ReadNames();
}

Result<std::vector<CatalogTable>> ReadCatalog(Connection& connection) {
  auto reader = TRY(CatalogReader::Make(connection, nullptr));
  return reader.Read();
}

Result<CatalogTable> ReadCatalogTable(Connection& connection, const std::string& name) {
  auto reader = TRY(CatalogReader::Make(connection, &name));
  auto tables = TRY(reader.Read());
  if (tables.empty()) return Fail(ErrorKind::kNotFound, "no table named " + name);
  return std::move(tables[0]);
}

}  // namespace tidemark::sqlite
