#include "source/sqlite/find_keys.h"

#include <arrow/api.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/text.h"
#include "source/sqlite/column_builder.h"
#include "source/sqlite/tracking_triggers.h"

namespace tidemark::sqlite {
namespace {

Error NotLookedUp(const Table& table, const std::string& why) {
  return {ErrorKind::kUnsupported,
          "table " + Display(table.name) + ": rows cannot be looked up by their keys: " + why,
          {}};
}

// The key alone, in its order, as the columns of `table` have it.
Result<Table> KeyOf(const CatalogTable& catalog, const Table& table) {
  Table key{.name = table.name};
  for (int index : catalog.key) {
    const auto& name = catalog.columns[static_cast<std::size_t>(index)].name;
    auto column = std::ranges::find_if(table.columns,
                                       [&](const Column& c) { return EqualsNoCase(c.name, name); });
    auto is_class_of = [&](const Column& c) { return EqualsNoCase(c.storage_class_of, name); };
    if (column == table.columns.end()) return Fail(NotLookedUp(table, name + " is not read"));
    if (std::ranges::any_of(table.columns, is_class_of))
      return Fail(NotLookedUp(table, name + " holds values of several classes"));
    key.columns.push_back(*column);
    key.key.push_back(column->name);
  }
  if (key.columns.empty()) return Fail(NotLookedUp(table, "it has no key"));
  return key;
}

// By the collation of the key's index, as changes are looked up; whether a row is meant is decided
// by whoever compares its key.
Result<Statement> PrepareLookup(Connection& connection, const CatalogTable& catalog,
                                const Table& key, const std::string& where) {
  std::string columns, condition;
  auto collations = KeyCollations(catalog);
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    auto name = QuoteIdentifier(key.columns[i].name);
    columns += (i > 0 ? "," : "") + name;
    condition += (i > 0 ? " and " : "") + name + " collate " + QuoteIdentifier(collations[i]) +
                 " is ?" + std::to_string(i + 1);
  }
  if (!where.empty()) condition += " and (" + where + "\n)";
  return connection.Prepare("select " + columns + " from main." + QuoteIdentifier(catalog.name) +
                            " where " + condition);
}

// The one spelling that is read as a date.
std::string DateText(std::int32_t days) {
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  char text[32];
  int size = std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return {text, static_cast<std::size_t>(size)};
}

// False: values of this type are not bound. A time may have been spelt in several ways.
Result<bool> Bind(sqlite3_stmt* statement, int index, const arrow::Array& values,
                  std::int64_t row) {
  int code = SQLITE_OK;
  auto bytes = [&](const auto& array) { return array.GetView(row); };
  switch (values.type_id()) {
    case arrow::Type::BOOL:
      code = sqlite3_bind_int64(statement, index,
                                static_cast<const arrow::BooleanArray&>(values).Value(row));
      break;
    case arrow::Type::INT64:
      code = sqlite3_bind_int64(statement, index,
                                static_cast<const arrow::Int64Array&>(values).Value(row));
      break;
    case arrow::Type::DOUBLE:
      code = sqlite3_bind_double(statement, index,
                                 static_cast<const arrow::DoubleArray&>(values).Value(row));
      break;
    case arrow::Type::DATE32: {
      auto text = DateText(static_cast<const arrow::Date32Array&>(values).Value(row));
      code = sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
      break;
    }
    case arrow::Type::STRING: {
      auto text = bytes(static_cast<const arrow::StringArray&>(values));
      code = sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
      break;
    }
    case arrow::Type::BINARY: {
      auto blob = bytes(static_cast<const arrow::BinaryArray&>(values));
      // Without an address it would be NULL.
      code = blob.empty()
                 ? sqlite3_bind_zeroblob(statement, index, 0)
                 : sqlite3_bind_blob64(statement, index, blob.data(), blob.size(), SQLITE_STATIC);
      break;
    }
    default:
      return false;
  }
  if (code != SQLITE_OK) return Fail(ErrorOf(sqlite3_db_handle(statement), code));
  return true;
}

// Adds the keys of the rows that the statement finds.
Status AddFound(Statement& lookup, const Table& key, BatchBuilder& found) {
  while (TRY(lookup.Step())) {
    for (int i = 0; i < static_cast<int>(key.columns.size()); ++i)
      if (!found.AppendStatement(i, lookup.raw(), i)) return Fail(Misfit(key, i));
    found.EndRow();
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> FindKeys(Connection& connection,
                                                     const CatalogTable& catalog,
                                                     const Table& table,
                                                     const arrow::RecordBatch& keys,
                                                     const std::stop_token& stop) {
  auto key = TRY(KeyOf(catalog, table));
  std::vector<std::shared_ptr<arrow::Array>> values;
  for (const auto& column : key.columns) {
    values.push_back(keys.GetColumnByName(column.name));
    if (!values.back())
      return Fail(ErrorKind::kInvalid, "keys to look up have no column \"" + column.name + "\"");
  }
  auto lookup = TRY(PrepareLookup(connection, catalog, key, table.where));
  auto found = TRY(BatchBuilder::Make(key));
  for (std::int64_t row = 0; row < keys.num_rows(); ++row) {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "asked to stop");
    lookup.Reset();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!TRY(Bind(lookup.raw(), static_cast<int>(i) + 1, *values[i], row)))
        return Fail(
            NotLookedUp(table, key.columns[i].name + " is a " + values[i]->type()->ToString()));
    TRY(AddFound(lookup, key, found));
  }
  return found.Finish();
}

}  // namespace tidemark::sqlite
