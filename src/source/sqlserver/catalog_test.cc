#include "source/sqlserver/catalog.h"

#include <arrow/type.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "source/sqlserver/column_types.h"
#include "source/sqlserver/condition.h"
#include "source/sqlserver/history.h"
#include "source/sqlserver/preflight.h"

namespace tidemark::sqlserver {
namespace {

using tds::Row;
using tds::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Value kNull;

Value Text(const char* text) { return std::string(text); }
Value Int(std::int64_t number) { return number; }

Row DatabaseRow() {
  return {Text("shop"),
          Int(5),
          Text("2026-01-01T00:00:00"),
          Int(1),
          Int(0),
          Int(160),
          Text("x_CI_AS"),
          Int(3),
          Text("16.0.4165.4"),
          Text("HOST"),
          Int(2),
          Int(3),
          Int(1),
          Text("READ_WRITE"),
          Text("sync"),
          Int(0)};
}

Row TableRow(const char* name, std::int64_t object_id) {
  return {Text("dbo"),
          Text(name),
          Int(object_id),
          Text("2026-01-01"),
          Int(0),
          Int(0),
          Int(0),
          Int(0),
          Int(0),
          Int(10),
          kNull,
          Int(10),
          Int(0),
          Int(12),
          Int(1),
          Int(1),
          Int(0),
          Int(500),
          Int(object_id + 1000)};
}

struct ColumnFacts {
  const char *name, *type;
  int max_length = 4, precision = 0, scale = 0;
  const char* collation = nullptr;
  bool is_computed = false, is_masked = false, is_column_set = false;
  std::optional<int> encryption;
  int graph_type = 0;
  const char* default_text = nullptr;
  bool is_clr = false;
};

Row ColumnRow(std::int64_t object_id, std::int64_t id, const ColumnFacts& facts) {
  return {Int(object_id),
          Int(id),
          Text(facts.name),
          facts.is_clr ? kNull : Text(facts.type),
          Text(facts.type),
          Int(facts.max_length),
          Int(facts.precision),
          Int(facts.scale),
          facts.collation ? Text(facts.collation) : kNull,
          Int(1),
          Int(facts.is_computed),
          Int(0),
          Int(facts.is_masked),
          facts.encryption ? Int(*facts.encryption) : kNull,
          Int(0),
          Int(facts.is_column_set),
          facts.graph_type ? Int(facts.graph_type) : kNull,
          Int(0),
          facts.default_text ? Text(facts.default_text) : kNull};
}

// A tracked table of some columns, of which the first `keys` are its key.
CatalogTable TableOf(const std::vector<ColumnFacts>& columns, int keys = 1) {
  auto tables = ParseTables(std::vector<Row>{TableRow("t", 7)}).value();
  std::vector<Row> rows, key_rows;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto id = static_cast<std::int64_t>(i) + 1;
    rows.push_back(ColumnRow(7, id, columns[i]));
    if (std::cmp_less(i, keys)) key_rows.push_back({Int(7), Int(id), Int(id), Int(0)});
  }
  EXPECT_TRUE(AddColumns(rows, tables).has_value());
  EXPECT_TRUE(AddKeys(key_rows, tables).has_value());
  return tables.front();
}

DescribedTable Described(const CatalogTable& table, FineTimes fine_times = FineTimes::kColumns) {
  return DescribeTable(table, {"shop", "dbo", "t"}, fine_times);
}

std::vector<std::string> Shapes(const DescribedTable& described) {
  std::vector<std::string> shapes;
  for (const auto& column : described.table.columns)
    shapes.push_back(column.name + " " + column.type->ToString());
  return shapes;
}

DatabaseFacts Facts() { return ParseDatabase(std::vector<Row>{DatabaseRow()}).value(); }

TEST(Catalog, ReadsTheDatabase) {
  auto facts = Facts();
  EXPECT_EQ(facts.name, "shop");
  EXPECT_TRUE(facts.allows_snapshot);
  EXPECT_TRUE(facts.is_tracked);
  EXPECT_EQ(facts.retention_seconds, 2 * 86'400);
  EXPECT_EQ(facts.level().major_version, 16);
  auto row = DatabaseRow();
  row[10] = row[11] = row[12] = kNull;
  row[3] = Int(3);  // on its way
  row[7] = Int(5);
  auto azure = ParseDatabase(std::vector<Row>{row}).value();
  EXPECT_FALSE(azure.is_tracked);
  EXPECT_FALSE(azure.allows_snapshot);
  EXPECT_TRUE(azure.level().AtLeast(99));
  row.pop_back();
  EXPECT_EQ(ParseDatabase(std::vector<Row>{row}).error().kind, ErrorKind::kCorrupt);
}

TEST(Catalog, ReadsTables) {
  auto row = TableRow("t", 7);
  row[13] = kNull;  // the server's function knows no minimum
  auto tables = ParseTables(std::vector<Row>{row, TableRow("u", 8)}).value();
  EXPECT_TRUE(tables[0].is_tracked);
  EXPECT_EQ(tables[0].min_valid_version, std::nullopt);
  EXPECT_EQ(tables[1].min_valid_version, 12);
  EXPECT_EQ(tables[1].rows, 500);
  // Columns of tables that were made since are passed over, keys of columns that were are not.
  EXPECT_TRUE(AddColumns(std::vector<Row>{ColumnRow(9, 1, {.name = "x", .type = "int"})}, tables));
  EXPECT_EQ(AddKeys(std::vector<Row>{{Int(7), Int(3), Int(1), Int(0)}}, tables).error().kind,
            ErrorKind::kUnavailable);
}

TEST(Columns, HaveTheTypeThatHoldsEveryValue) {
  auto described = Described(TableOf({
      {.name = "id", .type = "bigint"},
      {.name = "tiny", .type = "tinyint"},
      {.name = "price", .type = "decimal", .precision = 38, .scale = 10},
      {.name = "m", .type = "money"},
      {.name = "at", .type = "datetime", .scale = 3},
      {.name = "at3", .type = "datetime2", .scale = 3},
      {.name = "t", .type = "time", .scale = 7},
      {.name = "s", .type = "nvarchar", .max_length = 20, .collation = "Latin1_General_CI_AS"},
      {.name = "long", .type = "nvarchar", .max_length = -1},
      {.name = "guid", .type = "uniqueidentifier"},
      {.name = "rv", .type = "timestamp", .max_length = 8},
      {.name = "h", .type = "hierarchyid", .is_clr = true},
      {.name = "mine", .type = "point3", .is_clr = true},
  }));
  EXPECT_THAT(Shapes(described),
              ElementsAre("id int64", "tiny int16", "price decimal128(38, 10)",
                          "m decimal128(19, 4)", "at timestamp[us]", "at3 timestamp[us]",
                          "t string", "s string", "long large_string", "guid string",
                          "rv fixed_size_binary[8]", "h string", "mine large_binary"));
  EXPECT_THAT(described.table.warnings, IsEmpty());
  EXPECT_EQ(described.columns[11].read.form, ColumnRef::Form::kText);
  EXPECT_EQ(described.table.columns[2].source_type, "decimal(38,10)");
  EXPECT_EQ(described.table.columns[10].source_type, "rowversion");
}

// What a value of one column cannot hold stands in columns beside it, whose names are free.
TEST(Columns, StandBesideEachOther) {
  auto described = Described(TableOf({
      {.name = "id", .type = "int"},
      {.name = "at", .type = "datetime2", .scale = 7},
      {.name = "at__100NS", .type = "int"},
      {.name = "zoned", .type = "datetimeoffset", .scale = 7},
      {.name = "v", .type = "sql_variant"},
      {.name = "place", .type = "geography", .is_clr = true},
  }));
  EXPECT_THAT(
      Shapes(described),
      ElementsAre("id int32", "at timestamp[us]", "at__100ns_ int8", "at__100NS int32",
                  "zoned timestamp[us, tz=UTC]", "zoned__100ns int8", "zoned__offset_min int16",
                  "v string", "v__basetype string", "place large_binary", "place__srid int32"));
  EXPECT_EQ(described.table.columns[2].beside, "at");
  // Each has an identity of its own, which goes with that of its column.
  std::set<std::int64_t> ids;
  for (const auto& column : described.table.columns) ids.insert(*column.id);
  EXPECT_EQ(ids.size(), described.table.columns.size());
  auto cut = Described(TableOf({{.name = "at", .type = "datetimeoffset", .scale = 7}}, 0),
                       FineTimes::kTruncate);
  EXPECT_THAT(Shapes(cut), ElementsAre("at timestamp[us, tz=UTC]", "at__offset_min int16"));
}

TEST(Columns, OfAKeyTellWhichSpellingsAreOne) {
  auto described = Described(TableOf(
      {
          {.name = "ci", .type = "varchar", .collation = "SQL_Latin1_General_CP1_CI_AS"},
          {.name = "cs", .type = "varchar", .collation = "Latin1_General_CS_AS"},
          {.name = "bin", .type = "varchar", .collation = "Latin1_General_100_BIN2_UTF8"},
          {.name = "tr", .type = "varchar", .collation = "Turkish_100_CI_AS"},
          {.name = "n", .type = "int"},
          {.name = "at", .type = "datetime2", .scale = 7},
      },
      6));
  EXPECT_THAT(described.table.key, ElementsAre("ci", "cs", "bin", "tr", "n", "at", "at__100ns"));
  std::vector<Spelling> spellings;
  for (const auto& column : described.table.columns) spellings.push_back(column.spelling);
  EXPECT_THAT(spellings, ElementsAre(Spelling::kCase, Spelling::kTrailingBlanks,
                                     Spelling::kTrailingBlanks, Spelling::kTrailingBlanks,
                                     Spelling::kExact, Spelling::kExact, Spelling::kExact));
}

TEST(Columns, ThatCannotBeLandedAreNamed) {
  auto described = Described(TableOf({
      {.name = "id", .type = "int"},
      {.name = "secret", .type = "nvarchar", .max_length = 40, .encryption = 1},
      {.name = "mail", .type = "nvarchar", .max_length = 40, .is_masked = true},
      {.name = "all", .type = "xml", .is_column_set = true},
      {.name = "new", .type = "quaternion"},
      {.name = "graph_id_1", .type = "bigint", .graph_type = 1},
      {.name = "$node_id_1", .type = "nvarchar", .max_length = 2000, .graph_type = 2},
      {.name = "MAIL", .type = "int"},
  }));
  EXPECT_THAT(Shapes(described), ElementsAre("id int32", "secret binary", "mail string",
                                             "$node_id_1 string", "MAIL int32"));
  EXPECT_THAT(described.table.warnings,
              ElementsAre(HasSubstr("\"secret\" is encrypted"), HasSubstr("\"mail\" is masked"),
                          HasSubstr("\"all\" is a column set"), HasSubstr("type quaternion"),
                          HasSubstr("differ by case alone")));
  EXPECT_THAT(
      Described(TableOf({{.name = "Sys_Change_Version", .type = "int"}})).unsupported_because,
      HasSubstr("taken by the columns of a change"));
}

TEST(Columns, WithoutAUsableKeyMakeATableWithoutOne) {
  auto described = Described(TableOf({{.name = "v", .type = "sql_variant"}}));
  EXPECT_THAT(described.table.key, IsEmpty());
  EXPECT_THAT(described.table.warnings, ElementsAre(HasSubstr("cannot serve as a key")));
}

// Only what changes how rows are landed is another fingerprint.
TEST(Columns, FingerprintFollowsWhatIsLanded) {
  const ColumnFacts kShort{.name = "s", .type = "varchar", .max_length = 10};
  auto longer = kShort, renamed = kShort, filled = kShort;
  longer.max_length = 20;
  renamed.name = "r";
  filled.default_text = "('x')";
  auto of = [](const ColumnFacts& column) {
    return Described(TableOf({{.name = "id", .type = "int"}, column})).table;
  };
  EXPECT_EQ(of(kShort).fingerprint, of(longer).fingerprint);
  EXPECT_EQ(of(kShort).fingerprint, of(filled).fingerprint);
  EXPECT_NE(of(kShort).fingerprint, of(renamed).fingerprint);
  // What is padded or rounded changes, and nothing of it is noted.
  auto padded = kShort, padded_longer = kShort;
  padded.type = padded_longer.type = "char";
  padded_longer.max_length = 20;
  EXPECT_NE(of(padded).columns[1].id, of(padded_longer).columns[1].id);
  EXPECT_EQ(of(kShort).columns[1].id, of(longer).columns[1].id);
  EXPECT_TRUE(of(kShort).columns[1].starts_null);
  EXPECT_FALSE(of(filled).columns[1].starts_null);
}

TEST(Histories, AreToldApart) {
  auto facts = Facts();
  auto table = TableOf({{.name = "id", .type = "int"}});
  auto last = PositionOf(facts, table, 20);
  auto at = [&](const DatabaseFacts& of, const CatalogTable& what, std::int64_t version) {
    return HistoryOf(last, PositionOf(of, what, version));
  };
  EXPECT_EQ(at(facts, table, 20), History::kSame);
  EXPECT_EQ(at(facts, table, 25), History::kSame);
  EXPECT_EQ(at(facts, table, 19), History::kRestored);
  auto restored = facts;
  restored.fork = "ABC";
  EXPECT_EQ(at(restored, table, 25), History::kRestored);
  auto elsewhere = facts;
  elsewhere.server = "OTHER";
  EXPECT_EQ(at(elsewhere, table, 25), History::kRestored);
  auto truncated = table;
  truncated.begin_version = 22;
  EXPECT_EQ(at(facts, truncated, 25), History::kTruncated);
  truncated.object_id = 8;
  EXPECT_EQ(at(facts, truncated, 25), History::kRecreated);
  // Off and on for the whole database: versions begin anew and say nothing.
  auto tracked_anew = table, hidden = table;
  tracked_anew.tracking_id = 99;
  EXPECT_EQ(at(facts, tracked_anew, 25), History::kTruncated);
  hidden.tracking_id.reset();
  EXPECT_EQ(at(facts, hidden, 25), History::kSame);
  truncated.cleanup_version = 24;
  EXPECT_EQ(MinValidVersion(truncated), 24);
  EXPECT_EQ(MinValidVersion(table), 12);
}

std::vector<std::string> Statements(const Tracking& tracking) {
  std::vector<std::string> statements;
  for (const auto& missing : tracking.missing) statements.push_back(missing.statement);
  return statements;
}

TEST(Preflight, GivesTheStatementsThatAreMissing) {
  auto facts = Facts();
  auto table = TableOf({{.name = "id", .type = "int"}});
  EXPECT_TRUE(TrackingOf(facts, table).is_tracked);
  EXPECT_THAT(MissingOf(facts), IsEmpty());
  EXPECT_TRUE(CheckReadable(facts, table, nullptr).has_value());

  facts.is_tracked = facts.allows_snapshot = false;
  table.is_tracked = table.can_view_changes = false;
  table.key.clear();
  EXPECT_THAT(Statements(TrackingOf(facts, table)),
              ElementsAre("ALTER TABLE [dbo].[t] ADD PRIMARY KEY (<columns>)",
                          "ALTER DATABASE [shop] SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 "
                          "DAYS, AUTO_CLEANUP = ON)",
                          "ALTER TABLE [dbo].[t] ENABLE CHANGE_TRACKING",
                          "GRANT VIEW CHANGE TRACKING ON [dbo].[t] TO [sync]"));
  EXPECT_EQ(MissingOf(facts).front().statement,
            "ALTER DATABASE [shop] SET ALLOW_SNAPSHOT_ISOLATION ON");
  facts = Facts();
  facts.retention_seconds = 3'600;
  EXPECT_EQ(MissingOf(facts).front().statement,
            "ALTER DATABASE [shop] SET CHANGE_TRACKING (CHANGE_RETENTION = 7 DAYS)");
}

// A login that lost a permission must not look like a table without changes.
TEST(Preflight, TakesNothingForZero) {
  auto facts = Facts();
  auto table = TableOf({{.name = "id", .type = "int"}});
  auto last = PositionOf(facts, table, 20);
  auto blind = table;
  blind.is_tracked = blind.can_view_changes = false;
  EXPECT_TRUE(CheckReadable(facts, blind, nullptr).has_value());
  auto denied = CheckReadable(facts, blind, &last).error();
  EXPECT_EQ(denied.kind, ErrorKind::kDenied);
  EXPECT_THAT(denied.hint, HasSubstr("GRANT VIEW CHANGE TRACKING ON [dbo].[t] TO [sync]"));
  auto unsure = table;
  unsure.min_valid_version.reset();
  EXPECT_FALSE(CheckReadable(facts, unsure, nullptr).has_value());
  table.can_select = false;
  EXPECT_THAT(CheckReadable(facts, table, nullptr).error().hint, HasSubstr("GRANT SELECT"));
}

TEST(Conditions, AreOneExpressionOverTheRow) {
  for (const char* good : {"a > 1", "([a]]b] = 'it''s -- ; (' OR \"x\" IS NULL)", "selected = 1",
                           "LEN(s) > 3 AND d >= '2026-01-01'"})
    EXPECT_TRUE(CheckConditionText(good).has_value()) << good;
  for (const char* bad : {"a = 1; DROP TABLE t", "a = 1) OR (1 = 1", "(a = 1", "a = 'x", "[a = 1",
                          "a = 1 -- x", "a /* x */ = 1", "a IN (SELECT b FROM u)", "d > GETDATE()",
                          "d > CURRENT_TIMESTAMP", "a = @x", "a = @@SPID"})
    EXPECT_EQ(CheckConditionText(bad).error().kind, ErrorKind::kInvalid) << bad;
}

}  // namespace
}  // namespace tidemark::sqlserver
