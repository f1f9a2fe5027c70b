#include <arrow/type.h>

#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "commit/view_files.h"
#include "commit/view_select.h"
#include "model/sql_text.h"

namespace tidemark::commit {
namespace {

constexpr const char* kTimestampPattern = "'_([0-9]{8}T[0-9]{12}Z)_part[0-9]+[.]parquet$'";
constexpr int kDecimalDigitsMax = 38;

TableName Lower(const TableName& name) {
  return {AsciiLower(name.database), AsciiLower(name.schema), AsciiLower(name.name)};
}

// "TINYINT" and the like: what the engines share.
std::string SharedType(const arrow::DataType& type, const char* text_type, const char* bytes_type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOLEAN";
    case arrow::Type::INT8:
      return "TINYINT";
    case arrow::Type::INT16:
      return "SMALLINT";
    case arrow::Type::INT32:
      return "INT";
    case arrow::Type::INT64:
      return "BIGINT";
    case arrow::Type::FLOAT:
      return "FLOAT";
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL256:
      return "DOUBLE";
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
      return "DATE";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.precision() > kDecimalDigitsMax) return "DOUBLE";
      return "DECIMAL(" + std::to_string(decimal.precision()) + ", " +
             std::to_string(decimal.scale()) + ")";
    }
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return bytes_type;
    default:
      return text_type;
  }
}

bool HasZone(const arrow::DataType& type) {
  return !static_cast<const arrow::TimestampType&>(type).timezone().empty();
}

std::string DuckDbType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::UINT8:
      return "UTINYINT";
    case arrow::Type::UINT16:
      return "USMALLINT";
    case arrow::Type::UINT32:
      return "UINTEGER";
    case arrow::Type::UINT64:
      return "UBIGINT";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return "TIME";
    case arrow::Type::TIMESTAMP:
      if (HasZone(type)) return "TIMESTAMP WITH TIME ZONE";
      return static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::NANO
                 ? "TIMESTAMP_NS"
                 : "TIMESTAMP";
    default:
      return SharedType(type, "VARCHAR", "BLOB");
  }
}

std::string SparkType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::UINT8:
      return "SMALLINT";
    case arrow::Type::UINT16:
      return "INT";
    case arrow::Type::UINT32:
      return "BIGINT";
    case arrow::Type::UINT64:
      return "DECIMAL(20, 0)";
    case arrow::Type::TIME32:
      return "INT";
    case arrow::Type::TIME64:
      return "BIGINT";
    case arrow::Type::TIMESTAMP:
      return HasZone(type) ? "TIMESTAMP" : "TIMESTAMP_NTZ";
    default:
      return SharedType(type, "STRING", "BINARY");
  }
}

constexpr Spelling kDuckDb = {'"', "VARCHAR", "row", DuckDbType};
constexpr Spelling kSpark = {'`', "STRING", "struct", SparkType};

std::string SparkText(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "'";
}

// Names that no engine could be asked for.
bool IsSpeakable(const std::string& name) {
  return !name.empty() && name.find('\0') == name.npos && TextJson(name).is_string();
}

bool IsSpeakable(const LandedState& state) {
  bool is = IsSpeakable(state.name.database) && IsSpeakable(state.name.schema) &&
            IsSpeakable(state.name.name);
  for (const auto& column : state.columns) is = is && IsSpeakable(column.name) && column.type;
  return is;
}

bool IsUnified(const LandedState& state) { return state.config.format == kUnifiedFormat; }

std::string DataGlob(const TableLayout& layout) { return layout.DataPrefix() + "*/*.parquet"; }

std::string BaseGlob(const TableLayout& layout, const LandedState& state) {
  auto first = layout.BaseKey(state.base.timestamp_us, 1, ".parquet");
  return first.substr(0, first.rfind("_part")) + "_part*.parquet";
}

// The base's rows under the columns' present names.
std::string OfBase(const ViewSelect& select, const LandedState& state, const std::string& rows) {
  if (select.ColumnsOfBase() == select.Columns()) return rows;
  std::string said;
  if (state.base.scd_type == 2)
    for (const char* name : {kStartVersionColumn, kEndVersionColumn, kIsCurrentColumn})
      said += ", " + select.Name(name);
  if (state.base.soft_delete) said += ", " + select.Name(kIsDeletedColumn);
  return "(SELECT " + select.ColumnsOfBase() + said + " FROM " + rows + ")";
}

// False: all data files that were folded into the base are gone, and none has come since.
bool HasDataFiles(const LandedState& state) {
  if (!state.base.is_there() || !state.base.has_pruned) return true;
  return state.live_files > std::ssize(state.base.files);
}

std::string OperationOfWord(const std::string& column) {
  return "CASE " + column +
         " WHEN 'INSERT' THEN 'I' WHEN 'UPDATE' THEN 'U' WHEN 'DELETE' THEN 'D' ELSE 'L' END";
}

// One column of a unified row, by JSON pointer, which can name any member.
std::string DuckDbValue(const Column& column, const std::string& name) {
  std::string pointer = "/";
  for (char c : name)
    if (c == '~' || c == '/')
      pointer += c == '~' ? "~0" : "~1";
    else
      pointer.push_back(c);
  auto text = "json_extract_string(" + QuoteIdentifier("data") + ", " + QuoteText(pointer) + ")";
  auto type = DuckDbType(*column.type);
  if (type == "BLOB") return "from_base64(" + text + ")";
  return type == "VARCHAR" ? text : "CAST(" + text + " AS " + type + ")";
}

// Columns that no file has yet are there all the same.
std::string DuckDbAbsent(const ViewSelect& select, const LandedState& state) {
  std::string columns;
  std::set<std::string> named;
  for (const auto& column : state.columns)
    for (const auto& name : select.NamesOf(column))
      if (named.insert(name).second)
        columns += ", CAST(NULL AS " + DuckDbType(*column.type) + ") AS " + select.Name(name);
  return columns;
}

std::string DuckDbChanges(const ViewSelect& select, const TableLayout& layout,
                          const LandedState& state) {
  auto file = select.Own("file");
  auto read = "SELECT * FROM read_parquet(" + QuoteText(DataGlob(layout)) +
              ", union_by_name = true, filename = " + QuoteText(file.substr(1, file.size() - 2)) +
              ", hive_partitioning = false)";
  if (!IsUnified(state))
    read += "\n      UNION ALL BY NAME SELECT CAST(NULL AS VARCHAR) AS " + file +
            DuckDbAbsent(select, state) + " WHERE false";
  auto timed = "(SELECT *, regexp_extract(" + file + ", " + kTimestampPattern + ", 1) AS " +
               select.At() + "\n    FROM (" + read + "))";
  std::string columns;
  for (const auto& column : state.columns) {
    auto value = select.ValueOf(column, [&](const std::string& name) {
      return IsUnified(state) ? DuckDbValue(column, name) : select.Name(name);
    });
    auto name = select.Name(column.name);
    columns += (value == name ? name : value + " AS " + name) + ", ";
  }
  auto version = IsUnified(state)
                     ? "CAST(" + select.Name("cursor") + "." + select.Name("seqNum") + " AS BIGINT)"
                     : select.Name(kVersionColumn);
  auto operation =
      IsUnified(state) ? OperationOfWord(select.Name("operation")) : select.Name(kOperationColumn);
  return "(SELECT " + columns + version + " AS " + select.Version() + ", " + operation + " AS " +
         select.Operation() + ", " + select.At() + "\n  FROM " + timed + ")";
}

// The views' statements, one for each query that can be asked.
template <class Create>
std::string AllViews(const ViewSelect& select, const ViewFiles& files, const LandedState& state,
                     const ViewNames& names, Create create) {
  auto text = create(names.Current(state.name), select.Current(files));
  auto add = [&](const char* suffix, const std::string& why_not, auto query) {
    auto name = names.Derived(state.name, suffix);
    text += why_not.empty() ? create(name, query())
                            : "-- no view " + std::string(suffix) + ": " + why_not + "\n";
  };
  add("_history", select.WhyNoHistory(), [&] { return select.History(files); });
  if (state.presentation.soft_delete.value_or(false))
    add("_with_deleted", select.WhyNoDeleted(), [&] { return select.WithDeleted(files); });
  return text;
}

// Catalogs that DuckDB has for itself.
std::string DuckDbCatalog(const std::string& database) {
  auto lower = AsciiLower(database);
  return QuoteIdentifier(lower == "temp" || lower == "system" ? database + "_" : database);
}

std::string DuckDbStatements(const TableLayout& layout, const LandedState& state,
                             const ViewNames& names) {
  if (!IsSpeakable(state)) return "-- no views: a name is empty or not UTF-8\n";
  ViewSelect select(kDuckDb, state);
  ViewFiles files{.changes = DuckDbChanges(select, layout, state),
                  .base = {},
                  .has_changes = HasDataFiles(state)};
  if (state.base.is_there())
    files.base = OfBase(select, state,
                        "(SELECT * FROM read_parquet(" + QuoteText(BaseGlob(layout, state)) +
                            ", hive_partitioning = false)\n      UNION ALL BY NAME SELECT " +
                            DuckDbAbsent(select, state).substr(2) + " WHERE false)");
  auto catalog = DuckDbCatalog(state.name.database);
  auto schema = catalog + "." + QuoteIdentifier(state.name.schema);
  return "ATTACH IF NOT EXISTS ':memory:' AS " + catalog + ";\nCREATE SCHEMA IF NOT EXISTS " +
         schema + ";\n" +
         AllViews(select, files, state, names,
                  [&](const std::string& name, const std::string& query) {
                    return "CREATE OR REPLACE VIEW " + schema + "." + QuoteIdentifier(name) +
                           " AS\n" + query + ";\n";
                  });
}

std::string DuckDbEnding(const ViewNames& names) {
  if (names.databases().size() != 1) return {};
  return "USE " + DuckDbCatalog(*names.databases().begin()) + ";\n";
}

std::string SparkFiles(const std::string& name, const std::string& columns,
                       const std::string& glob) {
  return "CREATE OR REPLACE TEMPORARY VIEW " + QuoteIdentifier(name, '`') + " (" + columns +
         ") USING parquet OPTIONS (path " + SparkText(glob) + ");\n";
}

// Columns by all names that they have had in files.
std::string SparkColumns(const ViewSelect& select, const LandedState& state) {
  std::string text;
  std::set<std::string> named;
  for (const auto& column : state.columns)
    for (const auto& name : select.NamesOf(column))
      if (named.insert(name).second)
        text += (text.empty() ? "" : ", ") + select.Name(name) + " " + SparkType(*column.type);
  return text;
}

// What JSON has only as text is cast.
bool IsTextInJson(const std::string& spark_type) {
  return spark_type.starts_with("DECIMAL") || spark_type.starts_with("TIMESTAMP") ||
         spark_type == "DATE";
}

std::string SparkChanges(const ViewSelect& select, const LandedState& state,
                         const std::string& name) {
  bool is_unified = IsUnified(state);
  auto row = select.Own("row");
  std::string members, columns;
  std::set<std::string> named;
  for (const auto& column : state.columns) {
    auto type = SparkType(*column.type);
    bool is_text = IsTextInJson(type);
    for (const auto& member : select.NamesOf(column))
      if (named.insert(member).second)
        members +=
            (members.empty() ? "" : ", ") + select.Name(member) + " " + (is_text ? "STRING" : type);
    auto value = select.ValueOf(column, [&](const std::string& then) {
      if (!is_unified) return select.Name(then);
      auto text = row + "." + select.Name(then);
      return is_text ? "CAST(" + text + " AS " + type + ")" : text;
    });
    auto now = select.Name(column.name);
    columns += (value == now ? now : value + " AS " + now) + ", ";
  }
  // A unified row is taken apart in one go.
  auto rows = is_unified ? "from_json(`data`, " + SparkText(members) + ") AS " + row +
                               ", `cursor`, `operation`"
                         : std::string("*");
  auto version = is_unified ? "CAST(`cursor`.`seqNum` AS BIGINT)" : select.Name(kVersionColumn);
  auto operation = is_unified ? OperationOfWord("`operation`") : select.Name(kOperationColumn);
  return "(SELECT " + columns + version + " AS " + select.Version() + ", " + operation + " AS " +
         select.Operation() + ", " + select.At() + "\n    FROM (SELECT " + rows +
         ", regexp_extract(input_file_name(), " + kTimestampPattern + ", 1) AS " + select.At() +
         " FROM " + select.Name(name) + "))";
}

std::string SparkStatements(const TableLayout& layout, const LandedState& state,
                            const ViewNames& names) {
  if (!IsSpeakable(state)) return "-- no views: a name is empty or not UTF-8\n";
  ViewSelect select(kSpark, state);
  // Temporary views, as they take any name, and have no schemas.
  auto full = [&](const std::string& name) {
    return state.name.database + "_" + state.name.schema + "_" + name;
  };
  auto data_name = full(names.Derived(state.name, "_files"));
  auto base_name = full(names.Derived(state.name, "_base"));
  ViewFiles files{.changes = SparkChanges(select, state, data_name),
                  .base = {},
                  .has_changes = HasDataFiles(state)};
  std::string text;
  auto columns = SparkColumns(select, state);
  if (files.has_changes)
    text += SparkFiles(
        data_name,
        IsUnified(state) ? "`data` STRING, `cursor` STRUCT<`seqNum`: STRING>, `operation` STRING"
                         : "`SYS_CHANGE_VERSION` BIGINT, `SYS_CHANGE_OPERATION` STRING, " + columns,
        DataGlob(layout));
  if (state.base.is_there()) {
    files.base = OfBase(select, state, QuoteIdentifier(base_name, '`'));
    auto of_base = columns;
    if (state.base.scd_type == 2)
      of_base += ", `__start_version` BIGINT, `__end_version` BIGINT, `__is_current` BOOLEAN";
    if (state.base.soft_delete) of_base += ", `_is_deleted` BOOLEAN";
    text += SparkFiles(base_name, of_base, BaseGlob(layout, state));
  }
  return text + AllViews(select, files, state, names,
                         [&](const std::string& name, const std::string& query) {
                           return "CREATE OR REPLACE TEMPORARY VIEW " +
                                  QuoteIdentifier(full(name), '`') + " AS\n" + query + ";\n";
                         });
}

std::string SparkEnding(const ViewNames&) { return {}; }

constexpr ViewDialect kDuckDbViews = {
    "views/duckdb.sql",
    "the landed tables as views of DuckDB, for a session whose folder is this destination:\n"
    "--     duckdb -init views/duckdb.sql\n"
    "-- <database>.<schema>.<table>: its rows as they are now; <table>_history: every version of a "
    "row\n"
    "-- (SCD 2); <table>_with_deleted: deleted rows too, where that was asked for.\n"
    "-- Written by tidemark at the end of a run; changes by hand do not last.\n",
    DuckDbStatements, DuckDbEnding};
constexpr ViewDialect kSparkViews = {
    "views/spark.sql",
    "the landed tables as views of Spark, for a session whose folder is this destination:\n"
    "--     spark-sql -i views/spark.sql\n"
    "-- <database>_<schema>_<table>: its rows as they are now; …_history: every version of a row\n"
    "-- (SCD 2); …_with_deleted: deleted rows too, where that was asked for.\n"
    "-- Written by tidemark at the end of a run; changes by hand do not last.\n",
    SparkStatements, SparkEnding};

}  // namespace

void ViewNames::Add(const TableName& name) {
  auto [place, is_new] = by_folded_.emplace(Lower(name), name);
  if (!is_new) place->second = std::min(place->second, name);
  databases_.insert(name.database);
}

std::string ViewNames::Current(const TableName& name) const {
  auto found = by_folded_.find(Lower(name));
  if (found == by_folded_.end() || found->second == name) return name.name;
  return name.name + "_" + Sha256Hex(name.name).substr(0, 8);
}

std::string ViewNames::Derived(const TableName& name, std::string_view suffix) const {
  TableName derived = name;
  derived.name = Current(name) + std::string(suffix);
  while (by_folded_.contains(Lower(derived))) derived.name += "_";
  return derived.name;
}

const ViewDialect& DuckDbViews() { return kDuckDbViews; }
const ViewDialect& SparkViews() { return kSparkViews; }

}  // namespace tidemark::commit
