#include "source/sqlserver/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "base/text.h"

namespace tidemark::sqlserver {
namespace {

constexpr int kAzureDatabase = 5, kManagedInstance = 8;  // of SERVERPROPERTY('EngineEdition')

// One row of a result, cell by cell in the order of the statement's columns. The first cell of
// another kind than is asked for is remembered.
class Cells {
 public:
  explicit Cells(const tds::Row& row) : row_(row) {}

  std::string Text() {
    const auto* value = Next();
    if (!value || std::holds_alternative<std::monostate>(*value)) return {};
    if (const auto* text = std::get_if<std::string>(value)) return *text;
    return Broken(), std::string();
  }
  std::optional<std::int64_t> MaybeInt() {
    const auto* value = Next();
    if (!value || std::holds_alternative<std::monostate>(*value)) return std::nullopt;
    if (const auto* number = std::get_if<std::int64_t>(value)) return *number;
    return Broken(), std::nullopt;
  }
  std::int64_t Int() { return MaybeInt().value_or(0); }
  bool Bool() { return Int() != 0; }
  Status Done(std::string_view of) const {
    if (!is_broken_ && at_ == row_.size()) return {};
    return Fail(ErrorKind::kCorrupt,
                fmt::format("the server's answer about {} has another shape (column {} of {})", of,
                            at_, row_.size()));
  }

 private:
  const tds::Value* Next() {
    if (is_broken_ || at_ >= row_.size()) return Broken(), nullptr;
    return &row_[at_++];
  }
  void Broken() { is_broken_ = true; }
  const tds::Row& row_;
  std::size_t at_ = 0;
  bool is_broken_ = false;
};

std::int64_t SecondsOf(std::int64_t period, std::int64_t unit) {
  constexpr std::int64_t kSeconds[] = {0, 60, 3'600, 86'400};  // minutes, hours, days
  return unit >= 1 && unit <= 3 ? period * kSeconds[unit] : 0;
}

// Tables by object id, for rows that come in that order.
class ByObject {
 public:
  explicit ByObject(std::vector<CatalogTable>& tables) {
    for (auto& table : tables) tables_[table.object_id] = &table;
  }
  CatalogTable* Find(std::int64_t object_id) const {
    auto found = tables_.find(object_id);
    return found == tables_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::int64_t, CatalogTable*> tables_;
};

}  // namespace

CatalogLevel DatabaseFacts::level() const {
  CatalogLevel level{
      .major_version = 0,
      .is_evergreen = engine_edition == kAzureDatabase || engine_edition == kManagedInstance};
  std::from_chars(version.data(), version.data() + version.size(), level.major_version);
  return level;
}

std::string DatabaseFacts::Incarnation() const {
  if (!fork.empty()) return "fork " + AsciiLower(fork);
  return "server " + AsciiLower(server) + " " + created;
}

Result<DatabaseFacts> ParseDatabase(std::span<const tds::Row> rows) {
  if (rows.size() != 1)
    return Fail(ErrorKind::kCorrupt,
                fmt::format("the server lists the database {} times", rows.size()));
  DatabaseFacts facts;
  Cells cells(rows.front());
  facts.name = cells.Text();
  cells.Int();  // its number
  facts.created = cells.Text();
  facts.allows_snapshot = cells.Int() == 1;
  cells.Bool();  // read committed snapshot: makes single statements consistent, not a run
  cells.Int();   // compatibility level
  facts.collation = cells.Text();
  facts.engine_edition = static_cast<int>(cells.Int());
  facts.version = cells.Text();
  facts.server = cells.Text();
  auto period = cells.MaybeInt();
  auto unit = cells.Int();
  facts.is_tracked = period.has_value();
  facts.retention_seconds = SecondsOf(period.value_or(0), unit);
  facts.cleans_up = cells.Bool();
  facts.is_updateable = cells.Text() != "READ_ONLY";
  facts.user = cells.Text();
  facts.can_unmask = cells.Bool();
  TRY(cells.Done("the database"));
  return facts;
}

Result<std::string> ParseIncarnation(std::span<const tds::Row> rows) {
  if (rows.empty()) return std::string();
  Cells cells(rows.front());
  cells.Text();
  cells.Text();
  auto fork = cells.Text();
  TRY(cells.Done("the database's restores"));
  return fork;
}

Result<std::vector<CatalogTable>> ParseTables(std::span<const tds::Row> rows) {
  constexpr int kHistoryTable = 1;
  std::vector<CatalogTable> tables;
  tables.reserve(rows.size());
  for (const auto& row : rows) {
    auto& table = tables.emplace_back();
    Cells cells(row);
    table.schema = cells.Text();
    table.name = cells.Text();
    table.object_id = cells.Int();
    table.created = cells.Text();
    table.is_memory_optimized = cells.Bool();
    table.is_history = cells.Int() == kHistoryTable;
    table.is_external = cells.Bool();
    table.is_graph = cells.Bool();
    table.is_graph |= cells.Bool();
    table.begin_version = cells.MaybeInt();
    table.cleanup_version = cells.MaybeInt();
    auto min_valid = cells.MaybeInt();
    cells.Bool();  // whether columns are noted, which nothing here needs
    // The catalog's own column stands still where the function moves on with cleaning.
    table.min_valid_version = cells.MaybeInt();
    table.is_tracked = table.begin_version || min_valid || table.min_valid_version;
    table.can_select = cells.Bool();
    table.can_view_changes = cells.Bool();
    table.can_unmask = cells.Bool();
    table.rows = cells.Int();
    table.tracking_id = cells.MaybeInt();
    TRY(cells.Done("a table"));
  }
  return tables;
}

Status AddColumns(std::span<const tds::Row> rows, std::vector<CatalogTable>& tables) {
  ByObject objects(tables);
  for (const auto& row : rows) {
    Cells cells(row);
    auto* table = objects.Find(cells.Int());
    CatalogColumn column;
    column.id = cells.Int();
    column.name = cells.Text();
    auto system_type = cells.Text(), user_type = cells.Text();
    // CLR types share one number and have no system type of a name.
    column.is_clr = system_type.empty();
    column.type = AsciiLower(column.is_clr ? user_type : system_type);
    column.max_length = static_cast<int>(cells.Int());
    column.precision = static_cast<int>(cells.Int());
    column.scale = static_cast<int>(cells.Int());
    column.collation = cells.Text();
    column.is_nullable = cells.Bool();
    column.is_computed = cells.Bool();
    column.is_hidden = cells.Bool();
    column.is_masked = cells.Bool();
    column.is_encrypted = cells.MaybeInt().has_value();
    column.is_generated = cells.Int() != 0;
    column.is_column_set = cells.Bool();
    column.graph_type = static_cast<int>(cells.Int());
    cells.Bool();  // identity
    column.has_default = !cells.Text().empty();
    TRY(cells.Done("a column"));
    if (table) table->columns.push_back(std::move(column));
  }
  return {};
}

Status AddKeys(std::span<const tds::Row> rows, std::vector<CatalogTable>& tables) {
  ByObject objects(tables);
  for (const auto& row : rows) {
    Cells cells(row);
    auto* table = objects.Find(cells.Int());
    auto column_id = cells.Int();
    cells.Int();  // rows come in the key's order
    bool is_descending = cells.Bool();
    TRY(cells.Done("a key"));
    if (!table) continue;
    auto column = std::ranges::find(table->columns, column_id, &CatalogColumn::id);
    if (column == table->columns.end())
      return Fail(ErrorKind::kUnavailable,
                  fmt::format("table {}.{} was altered while it was looked at", table->schema,
                              table->name));
    table->key.push_back({.column = static_cast<std::size_t>(column - table->columns.begin()),
                          .is_descending = is_descending});
  }
  return {};
}

Status AddSecurity(std::span<const tds::Row> rows, std::vector<CatalogTable>& tables) {
  ByObject objects(tables);
  for (const auto& row : rows) {
    Cells cells(row);
    auto* table = objects.Find(cells.Int());
    TRY(cells.Done("row-level security"));
    if (table) table->has_row_security = true;
  }
  return {};
}

std::vector<KeyRef> CatalogTable::key_refs() const {
  std::vector<KeyRef> refs;
  for (const auto& part : key) {
    const auto& column = columns[part.column];
    refs.push_back({.name = column.name,
                    .is_descending = part.is_descending,
                    .is_text = !column.collation.empty()});
  }
  return refs;
}

bool IsBinary(const std::string& collation) {
  return collation.ends_with("_BIN") || collation.ends_with("_BIN2") ||
         collation.contains("_BIN_") || collation.contains("_BIN2_");
}

bool IsCaseSensitive(const std::string& collation) {
  return IsBinary(collation) || collation.contains("_CS_") || collation.ends_with("_CS");
}

}  // namespace tidemark::sqlserver
