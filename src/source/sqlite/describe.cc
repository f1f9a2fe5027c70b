#include "source/sqlite/describe.h"

#include <arrow/type.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "source/sqlite/column_types.h"

namespace tidemark::sqlite {
namespace {

constexpr std::string_view kReservedPrefix = "SYS_CHANGE_";

std::string FingerprintOf(const CatalogTable& catalog) {
  std::string text = catalog.is_without_rowid ? "w" : "r";
  for (const auto& column : catalog.columns) {
    AppendPart(column.name, text);
    AppendPart(AsciiLower(column.declared_type), text);
    AppendPart(AsciiLower(column.collation), text);
    AppendPart(std::to_string(column.key_position), text);
    text += column.generated == CatalogColumn::Generated::kNo ? 'n' : 'g';
  }
  return Sha256Hex(text).substr(0, 16);
}

bool StartsNull(const CatalogColumn& column) {
  if (column.generated != CatalogColumn::Generated::kNo) return false;
  return !column.default_sql || AsciiLower(*column.default_sql) == "null";
}

}  // namespace

Table DescribeTable(const CatalogTable& catalog, TableName name) {
  Table table;
  table.name = std::move(name);
  table.columns.reserve(catalog.columns.size());
  for (const auto& column : catalog.columns) {
    table.columns.push_back({.name = column.name,
                             .type = PromisedType(column.declared_type),
                             .source_type = AsciiLower(column.declared_type),
                             .id = std::nullopt,
                             .storage_class_of = {},
                             .starts_null = StartsNull(column)});
  }
  for (int column : catalog.key) {
    table.key.push_back(catalog.columns[column].name);
    // '2024-01-01 00:00:00' and '2024-01-01T00:00:00' are two keys and one time.
    auto& type = table.columns[static_cast<std::size_t>(column)].type;
    if (type->id() == arrow::Type::TIMESTAMP) type = arrow::utf8();
  }
  table.fingerprint = FingerprintOf(catalog);
  return table;
}

std::string UnsupportedBecause(const CatalogTable& catalog) {
  if (catalog.columns.empty()) {
    return catalog.kind == CatalogTable::Kind::kVirtual
               ? "it is a virtual table whose module is not part of this SQLite library"
               : "it has no columns";
  }
  for (std::size_t i = 0; i < catalog.columns.size(); ++i) {
    const auto& name = catalog.columns[i].name;
    bool is_reserved =
        EqualsNoCase(std::string_view(name).substr(0, kReservedPrefix.size()), kReservedPrefix);
    if (is_reserved)
      return "its column \"" + name + "\" has a name that is taken by the columns of a change";
    if (!IsUtf8(name))
      return "the name of its column " + std::to_string(i + 1) + " is not valid UTF-8";
  }
  return {};
}

Result<std::map<std::string, std::int64_t>> ReadAnalyzedRows(Connection& connection) {
  std::map<std::string, std::int64_t> rows;
  auto exists = TRY(connection.QueryInt(
      "select 1 from main.sqlite_schema where name = 'sqlite_stat1' and type = 'table'"));
  if (!exists) return rows;
  // "10000 12 3": rows of the index, which of a partial one are fewer than the table's.
  auto list = TRY(connection.Prepare("select tbl, stat from main.sqlite_stat1"));
  while (TRY(list.Step())) {
    auto text = list.Text(1);
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    auto& known = rows[list.Text(0)];
    known = std::max(known, count);
  }
  return rows;
}

Result<std::optional<std::int64_t>> EstimateRows(Connection& connection,
                                                 const CatalogTable& catalog) {
  if (catalog.kind != CatalogTable::Kind::kOrdinary || catalog.rowid_name.empty())
    return std::optional<std::int64_t>();
  auto file_bytes = TRY(connection.QueryInt("pragma main.page_count")).value_or(0) *
                    TRY(connection.QueryInt("pragma main.page_size")).value_or(0);
  // A cell has at least its length, a header and a byte per column's type.
  auto most =
      std::max<std::int64_t>(file_bytes / static_cast<std::int64_t>(catalog.columns.size() + 4), 1);
  auto name = catalog.rowid_name;
  auto ends = TRY(connection.Prepare("select (select min(" + name + ") from main." +
                                     QuoteIdentifier(catalog.name) + "), (select max(" + name +
                                     ") from main." + QuoteIdentifier(catalog.name) + ")"));
  if (!TRY(ends.Step()) || ends.IsNull(0)) return std::optional<std::int64_t>(0);
  auto span = static_cast<std::uint64_t>(ends.Int(1)) - static_cast<std::uint64_t>(ends.Int(0));
  span = std::min(span, static_cast<std::uint64_t>(most) - 1);
  return std::optional(static_cast<std::int64_t>(span) + 1);
}

}  // namespace tidemark::sqlite
