#include "source/sqlite/refit.h"

#include <arrow/type.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "source/sqlite/column_types.h"

namespace tidemark::sqlite {
namespace {

constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;
constexpr const char* kClassSuffix = "__type";

// What the values of one column are.
struct Seen {
  bool has_null = false, has_integer = false, has_real = false, has_text = false, has_blob = false;
  bool only_bits = true;   // integers: all 0 or 1
  bool only_exact = true;  // integers: all exact in a double
  bool only_utf8 = true;   // texts, and so on
  bool only_dates = true, only_timestamps = true;

  bool has_number() const { return has_integer || has_real; }
  bool has_several_kinds() const { return has_number() + has_text + has_blob > 1; }
};

void LookAt(sqlite3_stmt* statement, int column, Seen* seen) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      seen->has_null = true;
      break;
    case SQLITE_INTEGER: {
      auto value = sqlite3_column_int64(statement, column);
      seen->has_integer = true;
      seen->only_bits &= value == 0 || value == 1;
      seen->only_exact &= value <= kExactInDouble && value >= -kExactInDouble;
      break;
    }
    case SQLITE_FLOAT:
      seen->has_real = true;
      break;
    case SQLITE_TEXT: {
      seen->has_text = true;
      auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      std::string_view text(data,
                            static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
      std::int32_t days;
      std::int64_t microseconds;
      if (seen->only_dates) seen->only_dates = ParseDate(text, &days);
      if (seen->only_timestamps) seen->only_timestamps = ParseTimestamp(text, &microseconds);
      if (seen->only_utf8) seen->only_utf8 = IsUtf8(text);
      break;
    }
    default:
      seen->has_blob = true;
  }
}

bool Holds(arrow::Type::type type, const Seen& seen) {
  switch (type) {
    case arrow::Type::BOOL:
      return !seen.has_real && !seen.has_text && !seen.has_blob && seen.only_bits;
    case arrow::Type::INT64:
      return !seen.has_real && !seen.has_text && !seen.has_blob;
    case arrow::Type::DOUBLE:
      return !seen.has_text && !seen.has_blob && seen.only_exact;
    case arrow::Type::DATE32:
      return !seen.has_number() && !seen.has_blob && seen.only_dates;
    case arrow::Type::TIMESTAMP:
      return !seen.has_number() && !seen.has_blob && seen.only_timestamps;
    case arrow::Type::STRING:
      return !seen.has_number() && !seen.has_blob && seen.only_utf8;
    default:
      return !seen.has_number() && !seen.has_text;
  }
}

struct Fitted {
  std::shared_ptr<arrow::DataType> type;
  bool has_class;  // a column of storage classes follows
};

// `may_follow_values`: nothing was promised, or it is a key, which has values of one kind and must
// stay one plain column.
Fitted Fit(const Column& asked, bool had_class, bool may_follow_values, const Seen& seen) {
  auto any = [&](bool was_binary) {
    bool is_text = !was_binary && !seen.has_blob && seen.only_utf8;
    return Fitted{is_text ? arrow::utf8() : arrow::binary(), true};
  };
  auto id = asked.type->id();
  if (had_class) return any(id == arrow::Type::BINARY);
  if (Holds(id, seen)) return {asked.type, false};
  if (id == arrow::Type::STRING || id == arrow::Type::BINARY)
    if (!may_follow_values) return any(id == arrow::Type::BINARY);
  if (!seen.has_text && !seen.has_blob) {
    bool may_be_integers = id != arrow::Type::DOUBLE || may_follow_values;
    if (may_be_integers && Holds(arrow::Type::INT64, seen)) return {arrow::int64(), false};
    if (Holds(arrow::Type::DOUBLE, seen)) return {arrow::float64(), false};
  }
  if (may_follow_values) {
    if (Holds(arrow::Type::STRING, seen)) return {arrow::utf8(), false};
    if (Holds(arrow::Type::BINARY, seen)) return {arrow::binary(), false};
  }
  return any(id == arrow::Type::BINARY);
}

Result<std::vector<Seen>> LookAtAll(Connection& connection, const CatalogTable& catalog,
                                    const std::vector<std::string>& names,
                                    const std::string& where) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ",") + QuoteIdentifier(name);
  auto select = TRY(connection.Prepare(
      "select " + list + " from main." + QuoteIdentifier(catalog.name) +
      (catalog.is_without_rowid || catalog.root_page == 0 ? "" : " not indexed") +
      (where.empty() ? "" : " where (" + where + "\n)")));
  std::vector<Seen> seen(names.size());
  while (TRY(select.Step()))
    for (std::size_t i = 0; i < seen.size(); ++i)
      LookAt(select.raw(), static_cast<int>(i), &seen[i]);
  return seen;
}

// Why the key cannot serve; empty: it can.
std::string KeyFault(const std::vector<std::string>& names, const std::vector<Seen>& seen,
                     const std::vector<std::string>& key) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(key.begin(), key.end(), names[i]) == key.end()) continue;
    if (seen[i].has_null) return "column \"" + names[i] + "\" holds NULL";
    if (seen[i].has_several_kinds())
      return "column \"" + names[i] + "\" holds several of numbers, texts and blobs";
    if (seen[i].has_text && !seen[i].only_utf8)
      return "column \"" + names[i] + "\" holds text that is not UTF-8";
    if (seen[i].has_real && !seen[i].only_exact)
      return "column \"" + names[i] + "\" holds reals and integers beyond 2^53";
  }
  return {};
}

}  // namespace

Result<Table> Refit(Connection& connection, const CatalogTable& catalog, const Table& asked) {
  std::vector<std::string> names;
  for (const auto& column : asked.columns)
    if (column.storage_class_of.empty()) names.push_back(column.name);
  auto seen = TRY(LookAtAll(connection, catalog, names, asked.where));
  Table fitted = asked;
  fitted.columns.clear();
  if (auto fault = KeyFault(names, seen, asked.key); !fault.empty()) {
    fitted.key.clear();
    fitted.warnings.push_back("the primary key of " + Display(asked.name) +
                              " cannot tell rows apart here, changes are not followed: " + fault);
  }
  std::size_t index = 0;
  for (std::size_t i = 0; i < asked.columns.size(); ++i) {
    const auto& column = asked.columns[i];
    if (!column.storage_class_of.empty()) continue;
    bool had_class = i + 1 < asked.columns.size() && asked.columns[i + 1].IsClassOf(column);
    bool is_key = std::find(fitted.key.begin(), fitted.key.end(), column.name) != fitted.key.end();
    bool is_undeclared = column.source_type.empty() && column.type->id() == arrow::Type::INT64;
    auto fit = Fit(column, had_class, is_key || is_undeclared, seen[index++]);
    fitted.columns.push_back(column);
    fitted.columns.back().type = fit.type;
    if (!fit.has_class) continue;
    if (column.name.empty())
      return Fail(ErrorKind::kUnsupported,
                  "table " + Display(asked.name) +
                      ": its column without a name holds values of several types",
                  "name the column, or leave the table out with --exclude");
    auto class_name = column.name + kClassSuffix;
    for (const auto& name : names)
      if (EqualsNoCase(name, class_name))
        return Fail(ErrorKind::kUnsupported,
                    "table " + Display(asked.name) + ": column \"" + column.name +
                        "\" holds values of several types and needs a column \"" + class_name +
                        "\", but the table has one of that name",
                    "rename the column \"" + name + "\" or leave the table out");
    fitted.columns.push_back({.name = class_name,
                              .type = arrow::utf8(),
                              .source_type = "text",
                              .id = std::nullopt,
                              .storage_class_of = column.name});
  }
  return fitted;
}

}  // namespace tidemark::sqlite
