#include "source/sqlite/slices.h"

#include <bit>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"

namespace tidemark::sqlite {
namespace {

using Json = nlohmann::json;
constexpr int kRowsPerStopCheck = 65'536;

std::optional<std::string> BytesOfHex(const std::string& hex) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

// {"i": 5}, {"r": bits of the double}, {"t": hex}, {"b": hex}, null. Text as hex, as it may be no UTF-8.
Json JsonOf(const KeyValue& value) {
  if (auto* integer = std::get_if<std::int64_t>(&value)) return {{"i", *integer}};
  if (auto* real = std::get_if<double>(&value))
    return {{"r", std::bit_cast<std::int64_t>(*real)}};
  if (auto* text = std::get_if<std::string>(&value)) return {{"t", HexOf(*text)}};
  if (auto* blob = std::get_if<Blob>(&value)) return {{"b", HexOf(blob->bytes)}};
  return nullptr;
}

Json JsonOf(const KeyValues& values) {
  auto array = Json::array();
  for (const auto& value : values) array.push_back(JsonOf(value));
  return array;
}

std::unexpected<Error> BadToken() {
  return Fail(ErrorKind::kInvalid, "the token of a slice is damaged");
}

Result<KeyValue> KeyValueOf(const Json& json) {
  if (json.is_null()) return KeyValue();
  if (!json.is_object() || json.size() != 1) return BadToken();
  const auto& [name, value] = *json.items().begin();
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

Result<KeyValues> KeyValuesOf(const Json& json, const char* name) {
  KeyValues values;
  auto array = json.find(name);
  if (array == json.end()) return values;
  if (!array->is_array()) return BadToken();
  for (const auto& value : *array) values.push_back(TRY(KeyValueOf(value)));
  return values;
}

Result<std::int64_t> IntOf(const Json& json, const char* name, std::int64_t otherwise) {
  auto value = json.find(name);
  if (value == json.end()) return otherwise;
  if (!value->is_number_integer()) return BadToken();
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

// The keys of every target_rows-th row, without the first one.
Result<std::vector<KeyValues>> WalkKeys(Connection& connection, const std::string& sql,
                                        std::int64_t target_rows, const std::stop_token& stop) {
  auto rows = TRY(connection.Prepare(sql));
  int columns = sqlite3_column_count(rows.raw());
  std::vector<KeyValues> keys;
  for (std::int64_t row = 0; TRY(rows.Step()); ++row) {
    if (row % kRowsPerStopCheck == 0 && stop.stop_requested())
      return Fail(ErrorKind::kCancelled, "stopped");
    if (row == 0 || row % target_rows != 0) continue;
    KeyValues key;
    for (int i = 0; i < columns; ++i) key.push_back(ReadKeyValue(rows.raw(), i));
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<SliceBounds> RowidSlices(const std::vector<KeyValues>& keys) {
  std::vector<SliceBounds> slices(1);
  slices[0].kind = SliceBounds::Kind::kRowid;
  for (const auto& key : keys) {
    auto first = std::get<std::int64_t>(key[0]);
    slices.back().last_rowid = first - 1;  // never the lowest: an earlier row stands before it
    slices.push_back({.kind = SliceBounds::Kind::kRowid, .first_rowid = first, .from = {}, .to = {}});
  }
  return slices;
}

std::vector<SliceBounds> KeySlices(std::vector<KeyValues> keys) {
  std::vector<SliceBounds> slices(1);
  slices[0].kind = SliceBounds::Kind::kKey;
  for (auto& key : keys) {
    slices.back().to = key;
    slices.push_back({.kind = SliceBounds::Kind::kKey, .from = std::move(key), .to = {}});
  }
  return slices;
}

}  // namespace

std::string TokenOf(const SliceBounds& bounds) {
  auto json = Json::object();
  if (bounds.kind == SliceBounds::Kind::kRowid) {
    json["first"] = bounds.first_rowid;
    json["last"] = bounds.last_rowid;
  } else if (bounds.kind == SliceBounds::Kind::kKey) {
    json["from"] = JsonOf(bounds.from);
    json["to"] = JsonOf(bounds.to);
  }
  return json.dump();
}

Result<SliceBounds> ParseToken(const std::string& token) {
  auto json = Json::parse(token, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return BadToken();
  SliceBounds bounds;
  if (json.contains("first")) {
    bounds.kind = SliceBounds::Kind::kRowid;
    bounds.first_rowid = TRY(IntOf(json, "first", INT64_MIN));
    bounds.last_rowid = TRY(IntOf(json, "last", INT64_MAX));
  } else if (json.contains("from")) {
    bounds.kind = SliceBounds::Kind::kKey;
    bounds.from = TRY(KeyValuesOf(json, "from"));
    bounds.to = TRY(KeyValuesOf(json, "to"));
  } else if (!json.empty()) {
    return BadToken();
  }
  return bounds;
}

KeyValue ReadKeyValue(sqlite3_stmt* statement, int column) {
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
    case SQLITE_BLOB:
      return Blob{bytes(sqlite3_column_blob(statement, column))};
    default:
      return std::monostate();
  }
}

Status BindKeyValue(Statement& statement, int index, const KeyValue& value) {
  int code = SQLITE_OK;
  if (auto* integer = std::get_if<std::int64_t>(&value)) {
    code = sqlite3_bind_int64(statement.raw(), index, *integer);
  } else if (auto* real = std::get_if<double>(&value)) {
    code = sqlite3_bind_double(statement.raw(), index, *real);
  } else if (auto* text = std::get_if<std::string>(&value)) {
    code = sqlite3_bind_text64(statement.raw(), index, text->data(), text->size(),
                               SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (auto* blob = std::get_if<Blob>(&value)) {
    code = sqlite3_bind_blob64(statement.raw(), index, blob->bytes.data(), blob->bytes.size(),
                               SQLITE_TRANSIENT);
  } else {
    code = sqlite3_bind_null(statement.raw(), index);
  }
  if (code != SQLITE_OK) return Fail(ErrorOf(sqlite3_db_handle(statement.raw()), code));
  return {};
}

Result<std::vector<SliceBounds>> SplitByWalk(Connection& connection, const CatalogTable& table,
                                             std::int64_t target_rows,
                                             const std::stop_token& stop) {
  std::vector<SliceBounds> whole(1);
  bool is_rowid_table = !table.rowid_name.empty();
  if (table.kind == CatalogTable::Kind::kVirtual) return whole;
  if (!is_rowid_table && !table.is_without_rowid) return whole;
  whole[0].kind = is_rowid_table ? SliceBounds::Kind::kRowid : SliceBounds::Kind::kKey;
  if (target_rows <= 0 || TRY(MostRows(connection, table)) <= target_rows) return whole;
  auto columns = is_rowid_table ? table.rowid_name : ListOfKey(table);
  // `not indexed` keeps to the table's own tree, whose order is the order of the slices.
  auto keys = TRY(WalkKeys(connection,
                           "select " + columns + " from main." + QuoteIdentifier(table.name) +
                               " not indexed order by " + columns,
                           target_rows, stop));
  return is_rowid_table ? RowidSlices(keys) : KeySlices(std::move(keys));
}

}  // namespace tidemark::sqlite
