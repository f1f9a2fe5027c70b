#include "source/sqlite/slices.h"

#include <bit>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"

namespace tidemark::sqlite {
namespace {

using Json = nlohmann::json;
constexpr int kRowsPerStopCheck = 65'536;

// {"i": 5}, {"r": bits of the double}, {"t": hex}, {"b": hex}. Text as hex, as it may be no UTF-8.
Json JsonOf(const KeyValue& value) {
  if (auto* integer = std::get_if<std::int64_t>(&value)) return {{"i", *integer}};
  if (auto* real = std::get_if<double>(&value)) return {{"r", std::bit_cast<std::int64_t>(*real)}};
  if (auto* text = std::get_if<std::string>(&value)) return {{"t", HexOf(*text)}};
  return {{"b", HexOf(std::get<Blob>(value).bytes)}};
}

Json JsonOf(const KeyTuple& values) {
  auto array = Json::array();
  for (const auto& value : values) array.push_back(JsonOf(value));
  return array;
}

std::unexpected<Error> BadToken() {
  return Fail(ErrorKind::kInvalid, "the token of a slice is damaged");
}

Result<KeyValue> KeyValueOf(const Json& json) {
  if (!json.is_object() || json.size() != 1) return BadToken();
  const auto& name = json.begin().key();
  const auto& value = json.begin().value();
  if (value.is_number_integer()) {
    if (name == "i") return KeyValue(value.get<std::int64_t>());
    if (name == "r") return KeyValue(std::bit_cast<double>(value.get<std::int64_t>()));
  }
  if (!value.is_string()) return BadToken();
  auto bytes = BytesOfHex(value.get<std::string>());
  if (!bytes) return BadToken();
  if (name == "t") return KeyValue(std::move(*bytes));
  if (name == "b") return KeyValue(Blob{std::move(*bytes)});
  return BadToken();
}

Result<KeyTuple> KeyTupleOf(const Json& json, const char* name) {
  auto array = json.find(name);
  if (array == json.end() || !array->is_array()) return BadToken();
  KeyTuple values;
  for (const auto& value : *array) values.push_back(TRY(KeyValueOf(value)));
  return values;
}

Result<std::int64_t> IntOf(const Json& json, const char* name) {
  auto value = json.find(name);
  if (value == json.end() || !value->is_number_integer()) return BadToken();
  return value->get<std::int64_t>();
}

// Rows that a table can have at most, from the file's size alone.
Result<std::int64_t> MostRows(Connection& connection, const CatalogTable& table) {
  auto bytes = TRY(connection.QueryInt("pragma main.page_count")).value_or(0) *
               TRY(connection.QueryInt("pragma main.page_size")).value_or(0);
  return bytes / static_cast<std::int64_t>(table.columns.size() + 2);
}

std::string ListOfKey(const CatalogTable& table) {
  std::string list;
  for (int column : table.key) {
    if (!list.empty()) list += ", ";
    list += QuoteIdentifier(table.columns[column].name);
  }
  return list;
}

KeyValue KeyValueOf(sqlite3_stmt* statement, int column) {
  auto bytes = [&](const void* start) {
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return start ? std::string(static_cast<const char*>(start), size) : std::string();
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(statement, column));
    default:
      return Blob{bytes(sqlite3_column_blob(statement, column))};
  }
}

// The keys of every target_rows-th row that others follow.
Result<std::vector<KeyTuple>> WalkKeys(Connection& connection, const std::string& sql,
                                       std::int64_t target_rows, const std::stop_token& stop) {
  auto rows = TRY(connection.Prepare(sql));
  int columns = sqlite3_column_count(rows.raw());
  std::vector<KeyTuple> keys;
  KeyTuple key;
  for (std::int64_t row = 1; TRY(rows.Step()); ++row) {
    if (row % kRowsPerStopCheck == 0 && stop.stop_requested())
      return Fail(ErrorKind::kCancelled, "stopped");
    if (!key.empty()) keys.push_back(std::exchange(key, {}));
    if (row % target_rows != 0) continue;
    for (int i = 0; i < columns; ++i) key.push_back(KeyValueOf(rows.raw(), i));
  }
  return keys;
}

std::vector<RowRange> RowidRanges(const std::vector<KeyTuple>& last_keys) {
  std::vector<RowRange> ranges;
  RowidRange range;
  for (const auto& key : last_keys) {
    range.last = std::get<std::int64_t>(key[0]);
    ranges.push_back(range);
    range = {.first = range.last + 1};  // never beyond the highest: a later row follows
  }
  ranges.push_back(range);
  return ranges;
}

std::vector<RowRange> KeyRanges(std::vector<KeyTuple> last_keys) {
  std::vector<RowRange> ranges;
  KeyRange range;
  for (auto& key : last_keys) {
    range.up_to = key;
    ranges.push_back(std::move(range));
    range = {.after = std::move(key), .up_to = {}};
  }
  ranges.push_back(std::move(range));
  return ranges;
}

}  // namespace

std::string TokenOf(const RowRange& range) {
  auto json = Json::object();
  if (auto* rowids = std::get_if<RowidRange>(&range)) {
    json["first"] = rowids->first;
    json["last"] = rowids->last;
  } else if (auto* keys = std::get_if<KeyRange>(&range)) {
    json["after"] = JsonOf(keys->after);
    json["up_to"] = JsonOf(keys->up_to);
  }
  return json.dump();
}

Result<RowRange> ParseToken(const std::string& token) {
  auto json = Json::parse(token, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return BadToken();
  if (json.empty()) return RowRange();
  if (json.contains("first"))
    return RowidRange{.first = TRY(IntOf(json, "first")), .last = TRY(IntOf(json, "last"))};
  return KeyRange{.after = TRY(KeyTupleOf(json, "after")), .up_to = TRY(KeyTupleOf(json, "up_to"))};
}

RowRange WholeRange(const CatalogTable& table) {
  if (table.kind == CatalogTable::Kind::kVirtual) return RowRange();
  if (!table.rowid_name.empty()) return RowidRange();
  if (table.is_without_rowid) return KeyRange();
  return RowRange();
}

Result<std::vector<RowRange>> SplitByWalk(Connection& connection, const CatalogTable& table,
                                          std::int64_t target_rows, const std::stop_token& stop) {
  auto whole = WholeRange(table);
  bool has_order = !std::holds_alternative<std::monostate>(whole);
  if (!has_order || target_rows <= 0 || TRY(MostRows(connection, table)) <= target_rows)
    return std::vector{whole};
  bool by_rowid = std::holds_alternative<RowidRange>(whole);
  auto columns = by_rowid ? table.rowid_name : ListOfKey(table);
  // `not indexed` keeps to the table's own tree, whose order is the order of the slices.
  auto keys = TRY(WalkKeys(connection,
                           "select " + columns + " from main." + QuoteIdentifier(table.name) +
                               " not indexed order by " + columns,
                           target_rows, stop));
  return by_rowid ? RowidRanges(keys) : KeyRanges(std::move(keys));
}

}  // namespace tidemark::sqlite
