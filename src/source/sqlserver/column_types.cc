#include "source/sqlserver/column_types.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "base/text.h"

namespace tidemark::sqlserver {
namespace {

using tds::Part;
using Type = std::shared_ptr<arrow::DataType>;

constexpr std::string_view kReservedPrefix = "sys_change_";

// What ALTER COLUMN may change stored values by, unnoted: rounding, padding, the code page. As 20
// bits; what only widens a text is not among it.
std::int64_t DefinitionOf(const CatalogColumn& column) {
  bool is_padded = column.type == "char" || column.type == "nchar" || column.type == "binary";
  auto text = fmt::format("{} {} {} {} {}", column.type, is_padded ? column.max_length : 0,
                          column.precision, column.scale, column.collation);
  auto digits = Sha256Hex(text).substr(0, 5);
  std::int64_t definition = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), definition, 16);
  return definition;
}

// A column's own id, and for what is landed beside it further ones that go with it. An altered
// column is another one, so that the rows that are there are compared.
std::int64_t IdOf(const CatalogColumn& column, Part part) {
  return DefinitionOf(column) << 41 | static_cast<std::int64_t>(part) << 32 | column.id;
}

Type PlainType(const CatalogColumn& column) {
  static const std::map<std::string_view, Type> kTypes = {
      {"bit", arrow::boolean()},
      // From 0 to 255.
      {"tinyint", arrow::int16()},
      {"smallint", arrow::int16()},
      {"int", arrow::int32()},
      {"bigint", arrow::int64()},
      {"real", arrow::float32()},
      {"float", arrow::float64()},
      {"money", arrow::decimal128(19, 4)},
      {"smallmoney", arrow::decimal128(10, 4)},
      {"date", arrow::date32()},
      // Readers disagree about times of day; a text is the same to all of them.
      {"time", arrow::utf8()},
      {"smalldatetime", arrow::timestamp(arrow::TimeUnit::MICRO)},
      {"datetime", arrow::timestamp(arrow::TimeUnit::MICRO)},
      {"datetime2", arrow::timestamp(arrow::TimeUnit::MICRO)},
      {"datetimeoffset", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")},
      {"uniqueidentifier", arrow::utf8()},
      {"timestamp", arrow::fixed_size_binary(8)},
      {"sql_variant", arrow::utf8()},
      {"xml", arrow::large_utf8()},
      {"text", arrow::large_utf8()},
      {"ntext", arrow::large_utf8()},
      {"image", arrow::large_binary()},
      {"json", arrow::large_utf8()},
      {"vector", arrow::utf8()},
      {"hierarchyid", arrow::utf8()},
      {"geometry", arrow::large_binary()},
      {"geography", arrow::large_binary()},
  };
  auto found = kTypes.find(column.type);
  return found == kTypes.end() ? nullptr : found->second;
}

// Null: no type that is known here.
Type TypeOf(const CatalogColumn& column) {
  bool is_long = column.max_length < 0;
  // What comes is what the server stores: the key to it is with others.
  if (column.is_encrypted) return is_long ? arrow::large_binary() : arrow::binary();
  if (auto plain = PlainType(column)) return plain;
  if (column.type == "decimal" || column.type == "numeric")
    return arrow::decimal128(column.precision, column.scale);
  for (std::string_view text : {"char", "varchar", "nchar", "nvarchar"})
    if (column.type == text) return is_long ? arrow::large_utf8() : arrow::utf8();
  for (std::string_view bytes : {"binary", "varbinary"})
    if (column.type == bytes) return is_long ? arrow::large_binary() : arrow::binary();
  return column.is_clr ? arrow::large_binary() : nullptr;
}

bool IsSpatial(const CatalogColumn& column) {
  return column.type == "geometry" || column.type == "geography";
}

// As SQL Server spells it, with the numbers that decide what fits into it.
std::string SourceType(const CatalogColumn& column) {
  if (column.type == "decimal" || column.type == "numeric")
    return fmt::format("{}({},{})", column.type, column.precision, column.scale);
  // Not a time, whatever its older name says.
  return column.type == "timestamp" ? "rowversion" : column.type;
}

// Blanks at a text's end never count; Turkish and Azeri know an i of their own, which a plain lower
// case would take for another letter.
Spelling SpellingOf(const CatalogColumn& column) {
  if (column.collation.empty()) return Spelling::kExact;
  bool has_own_case =
      column.collation.starts_with("Turkish") || column.collation.starts_with("Azeri");
  return IsCaseSensitive(column.collation) || has_own_case ? Spelling::kTrailingBlanks
                                                           : Spelling::kCase;
}

bool StartsNull(const CatalogColumn& column) {
  return column.is_nullable && !column.is_computed && !column.has_default && !column.is_generated &&
         column.type != "timestamp";
}

// What the server itself keeps in a graph's rows; the others of their kind can be read.
bool IsInternal(const CatalogColumn& column) {
  constexpr std::array kReadable = {2, 5, 8};  // $node_id or $edge_id, $from_id, $to_id
  return column.graph_type != 0 &&
         std::ranges::find(kReadable, column.graph_type) == kReadable.end();
}

class Description {
 public:
  Description(const CatalogTable& catalog, TableName name, FineTimes fine_times)
      : catalog_(catalog), fine_times_(fine_times) {
    described_.table.name = std::move(name);
    described_.table.estimated_rows = catalog.rows;
  }

  DescribedTable Run() {
    described_.unsupported_because = Unsupported();
    for (const auto& column : catalog_.columns) Add(column);
    if (described_.columns.empty() && described_.unsupported_because.empty())
      described_.unsupported_because = "none of its columns can be landed";
    AddKey();
    WarnOfRows();
    WarnOfNames();
    for (const auto& landed : described_.columns) described_.table.columns.push_back(landed.column);
    described_.table.fingerprint = Fingerprint();
    return std::move(described_);
  }

 private:
  std::string Unsupported() const {
    if (catalog_.is_external) return "it is an external table, whose rows are in another place";
    for (const auto& column : catalog_.columns)
      if (AsciiLower(column.name).starts_with(kReservedPrefix))
        return fmt::format("its column \"{}\" has a name that is taken by the columns of a change",
                           column.name);
    return {};
  }

  void Warn(std::string text) { described_.table.warnings.push_back(std::move(text)); }

  std::string FreeName(std::string name) const {
    auto is_taken = [&](const CatalogColumn& column) { return EqualsNoCase(column.name, name); };
    while (std::ranges::any_of(catalog_.columns, is_taken)) name += '_';
    return name;
  }

  void AddPart(const CatalogColumn& column, Part part, Type type, ColumnRef::Form form) {
    static const std::map<Part, std::pair<std::string_view, std::string_view>> kSides = {
        {Part::k100ns, {"__100ns", "tinyint"}},
        {Part::kOffsetMinutes, {"__offset_min", "smallint"}},
        {Part::kBaseType, {"__basetype", "sysname"}},
    };
    LandedColumn landed{.column = {.name = column.name,
                                   .type = std::move(type),
                                   .source_type = SourceType(column),
                                   .id = IdOf(column, part),
                                   .storage_class_of = {},
                                   .field_id = 0,
                                   .starts_null = StartsNull(column)},
                        .read = {.name = column.name, .form = form},
                        .part = part};
    if (auto side = kSides.find(part); side != kSides.end()) {
      landed.column.name = FreeName(column.name + std::string(side->second.first));
      landed.column.source_type = side->second.second;
      landed.column.beside = column.name;
    } else if (form == ColumnRef::Form::kSrid) {
      landed.column.name = FreeName(column.name + "__srid");
      landed.column.source_type = "int";
      landed.column.beside = column.name;
      landed.column.id = std::int64_t{1} << 40 | column.id;
    }
    described_.columns.push_back(std::move(landed));
  }

  void Add(const CatalogColumn& column) {
    if (IsInternal(column)) return;
    if (column.is_column_set) {
      Warn(fmt::format("column \"{}\" is a column set and is left out: its columns are landed",
                       column.name));
      return;
    }
    auto type = TypeOf(column);
    if (!type) {
      Warn(fmt::format("column \"{}\" is left out: its type {} is not known", column.name,
                       column.type));
      return;
    }
    if (column.is_encrypted)
      Warn(fmt::format("column \"{}\" is encrypted by its clients: what is landed is encrypted too",
                       column.name));
    if (column.is_masked && !catalog_.can_unmask)
      Warn(fmt::format("column \"{}\" is masked for this login: masked values are landed",
                       column.name));
    if (IsSpatial(column) && !column.is_encrypted) {
      AddPart(column, Part::kValue, type, ColumnRef::Form::kWkb);
      AddPart(column, Part::kValue, arrow::int32(), ColumnRef::Form::kSrid);
      return;
    }
    auto form = column.type == "hierarchyid" ? ColumnRef::Form::kText : ColumnRef::Form::kPlain;
    AddPart(column, Part::kValue, std::move(type), form);
    if (!column.is_encrypted) AddSides(column);
  }

  void AddSides(const CatalogColumn& column) {
    constexpr int kFinest = 7;
    bool has_offset = column.type == "datetimeoffset";
    bool is_fine = (has_offset || column.type == "datetime2") && column.scale == kFinest;
    if (is_fine && fine_times_ == FineTimes::kColumns)
      AddPart(column, Part::k100ns, arrow::int8(), ColumnRef::Form::kPlain);
    if (has_offset) AddPart(column, Part::kOffsetMinutes, arrow::int16(), ColumnRef::Form::kPlain);
    if (column.type == "sql_variant")
      AddPart(column, Part::kBaseType, arrow::utf8(), ColumnRef::Form::kPlain);
  }

  // Two keys may differ in the last digit of a time alone, so that digit is part of the key.
  void AddKey() {
    std::vector<std::string> key;
    for (const auto& part : catalog_.key) {
      const auto& column = catalog_.columns[part.column];
      auto is_own = [&](const LandedColumn& landed) { return landed.read.name == column.name; };
      if (column.type == "sql_variant" || std::ranges::none_of(described_.columns, is_own)) {
        Warn(
            fmt::format("its primary key cannot serve as a key, as column \"{}\" is of type {}: "
                        "the table is landed as one without a key",
                        column.name, column.type));
        return;
      }
      for (auto& landed : described_.columns) {
        if (!is_own(landed) || landed.part == Part::kOffsetMinutes) continue;
        landed.column.spelling = SpellingOf(column);
        key.push_back(landed.column.name);
      }
      bool is_cut = column.scale == 7 && fine_times_ == FineTimes::kTruncate &&
                    (column.type == "datetime2" || column.type == "datetimeoffset");
      if (is_cut)
        Warn(
            fmt::format("column \"{}\" is part of the key and loses its last digit: keys that "
                        "differ in it alone become one",
                        column.name));
    }
    described_.table.key = std::move(key);
  }

  void WarnOfRows() {
    if (catalog_.has_row_security)
      Warn("a security policy filters its rows: only those that this login may see are landed");
    if (catalog_.is_history)
      Warn(
          "it is the history of a temporal table and has no key: it is landed anew whenever it "
          "has changed; leave it out with --exclude");
  }

  void WarnOfNames() {
    std::map<std::string, std::string> names;
    for (const auto& landed : described_.columns) {
      auto [known, is_new] = names.emplace(AsciiLower(landed.column.name), landed.column.name);
      if (!is_new)
        Warn(
            fmt::format("columns \"{}\" and \"{}\" differ by case alone: some readers take them "
                        "for one",
                        known->second, landed.column.name));
    }
  }

  std::string Fingerprint() const {
    std::string text;
    auto add = [&](std::string_view part) { text += fmt::format("{}:{}", part.size(), part); };
    for (const auto& landed : described_.columns) {
      add(landed.column.name);
      add(landed.column.source_type);
      add(landed.column.type->ToString());
      add(fmt::format("{} {}", *landed.column.id, static_cast<int>(landed.column.spelling)));
    }
    for (const auto& column : catalog_.columns)
      add(column.is_computed ? "computed" : column.is_encrypted ? "encrypted" : "");
    for (const auto& name : described_.table.key) add(name);
    return Sha256Hex(text).substr(0, 16);
  }

  const CatalogTable& catalog_;
  const FineTimes fine_times_;
  DescribedTable described_;
};

}  // namespace

DescribedTable DescribeTable(const CatalogTable& catalog, TableName name, FineTimes fine_times) {
  return Description(catalog, std::move(name), fine_times).Run();
}

}  // namespace tidemark::sqlserver
