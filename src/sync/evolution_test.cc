#include "sync/evolution.h"

#include <arrow/type.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "object/memory.h"
#include "source/sqlite/tracking.h"
#include "sync/decide.h"
#include "tests/support/read_rows.h"
#include "tests/support/sqlite_file.h"
#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::Pair;

// "id:integer a:text": names and declared types.
std::vector<Column> ColumnsOf(const std::string& text) {
  std::vector<Column> columns;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    auto colon = word.find(':');
    auto type = word.substr(colon + 1);
    Column column{.name = word.substr(0, colon), .type = nullptr, .source_type = type};
    column.type = type == "integer" ? arrow::int64() : arrow::utf8();
    column.starts_null = type != "filled";
    columns.push_back(std::move(column));
  }
  return columns;
}

// A tracked table that was landed with some columns, and `statements` later has others.
struct Changed {
  Changed(const std::string& before, const std::string& after, std::int64_t statements) {
    status.table.name = {"shop", "main", "t"};
    status.table.columns = ColumnsOf(after);
    status.table.key = {status.table.columns.front().name};
    status.table.fingerprint = after;
    status.schema_version = 100 + statements;
    status.current = {7, "inc", "n"};
    status.min_valid_version = 0;
    Table table{.columns = ColumnsOf(before)};
    state = Evolved({}, {}, table, 0);
    state.name = status.table.name;
    state.is_loaded = true;
    state.key = {table.columns.front().name};
    state.fingerprint = before;
    state.schema_version = 100;
    state.position = {5, "inc", "m"};
  }
  Evolution Evolve() const { return tidemark::Evolve(state, status); }
  Decision Decide(OnRename on_rename = OnRename::kBackfill) const {
    return tidemark::Decide(state, status, {.on_rename = on_rename});
  }
  LandedState state;
  TableStatus status;
};

std::vector<std::string> NamesOf(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(column.name);
  return names;
}

TEST(Evolution, AddedAndDroppedColumns) {
  auto evolution = Changed("id:integer a:text b:text", "id:integer b:text c:text", 2).Evolve();
  EXPECT_THAT(NamesOf(evolution.added), ElementsAre("c"));
  EXPECT_THAT(NamesOf(evolution.dropped), ElementsAre("a"));
  EXPECT_TRUE(evolution.renamed.empty());
  // a renamed to b after b to c would be the same names by as many statements.
  EXPECT_FALSE(evolution.is_certain);
  EXPECT_TRUE(Changed("id:integer a:text", "id:integer a:text c:text", 1).Evolve().is_certain);
  EXPECT_FALSE(Changed("id:integer a:text", "id:integer a:text c:text", 3).Evolve().is_certain);
}

TEST(Evolution, RenameIsToldByPlaceOrByTheNumberOfStatements) {
  // Nothing is ever added in the middle.
  EXPECT_THAT(Changed("id:integer a:text b:text", "id:integer x:text b:text", 9).Evolve().renamed,
              ElementsAre(Pair("a", "x")));
  // At the end a column that was dropped and one that was added look the same.
  EXPECT_THAT(Changed("id:integer a:text", "id:integer x:text", 1).Evolve().renamed,
              ElementsAre(Pair("a", "x")));
  EXPECT_TRUE(Changed("id:integer a:text", "id:integer x:text", 2).Evolve().renamed.empty());
  EXPECT_TRUE(Changed("id:integer a:text", "id:integer x:integer", 1).Evolve().renamed.empty());
  EXPECT_THAT(Changed("id:integer a:text b:text c:text", "id:integer x:text b:text y:text", 2)
                  .Evolve()
                  .renamed,
              ElementsAre(Pair("a", "x"), Pair("c", "y")));
}

TEST(Evolution, IdentityOfTheSourceTellsARename) {
  Changed changed("id:integer a:text b:text", "id:integer b:text x:integer", 50);
  changed.state.columns[1].id = 17;
  changed.status.table.columns[2].id = 17;
  EXPECT_THAT(changed.Evolve().renamed, ElementsAre(Pair("a", "x")));
}

// Where every column has an identity, names do not count: here each wandered on by one.
TEST(Evolution, IdentitiesAloneDecideWhereAllHaveOne) {
  Changed changed("id:integer a:text b:text", "id:integer b:text c:text n:text", 0);
  for (std::int64_t id = 1; auto& column : changed.state.columns) column.id = id++;
  for (std::int64_t id = 1; auto& column : changed.status.table.columns) column.id = id++;
  auto evolution = changed.Evolve();
  EXPECT_THAT(evolution.renamed, ElementsAre(Pair("a", "b"), Pair("b", "c")));
  EXPECT_THAT(NamesOf(evolution.added), ElementsAre("n"));
  EXPECT_TRUE(evolution.dropped.empty());
  EXPECT_TRUE(evolution.is_certain);
}

// Dropped and added again under its name: its old values are nowhere any more but in what is
// landed.
TEST(Evolution, AColumnMadeAnewIsComparedEvenIfItStartsNull) {
  Changed changed("id:integer a:text", "id:integer a:text", 0);
  changed.status.table.fingerprint = "another";
  changed.state.columns[0].id = changed.status.table.columns[0].id = 1;
  changed.state.columns[1].id = 2;
  changed.status.table.columns[1].id = 3;
  auto evolution = changed.Evolve();
  EXPECT_THAT(NamesOf(evolution.added), ElementsAre("a"));
  EXPECT_THAT(NamesOf(evolution.dropped), ElementsAre("a"));
  EXPECT_EQ(changed.Decide().action, Action::kCompare);
  // While one that was never there needs no look at the rows.
  changed.status.table.columns[1].name = "b";
  EXPECT_EQ(changed.Decide().action, Action::kChanges);
}

TEST(Evolution, ColumnsInAnotherOrderAreNoRename) {
  auto evolution = Changed("id:integer a:text b:text", "id:integer b:text x:text a:text", 1);
  EXPECT_TRUE(evolution.Evolve().renamed.empty());
  EXPECT_FALSE(evolution.Evolve().is_certain);
}

// What was left out by the configuration and renamed would look like a new column.
TEST(Evolution, NothingIsCertainOfATableWithChosenColumns) {
  Changed changed("id:integer a:text", "id:integer a:text c:text", 1);
  changed.state.config.fingerprint = "chosen";
  EXPECT_FALSE(changed.Evolve().is_certain);
}

TEST(Evolution, FieldIdsAreNeverGivenTwice) {
  Changed changed("id:integer a:text b:text", "id:integer x:text c:text", 9);
  EXPECT_EQ(changed.state.columns[2].field_id, 6);
  auto table = changed.status.table;
  auto next = Evolved(changed.state, {.renamed = {{"a", "x"}}}, table, 0);
  EXPECT_EQ(table.columns[1].field_id, 5);
  EXPECT_EQ(table.columns[2].field_id, 7);
  EXPECT_THAT(NamesOf(next.dropped), testing::UnorderedElementsAre("a", "b"));
  EXPECT_TRUE(next.former_names.empty());
  table.columns.push_back({.name = "b", .type = arrow::utf8(), .source_type = "text"});
  next = Evolved(next, {}, table, 0);
  EXPECT_EQ(table.columns[3].field_id, 8);
  EXPECT_THAT(NamesOf(next.dropped), ElementsAre("a"));
}

TEST(Evolution, FilesAreReadByTheNamesTheyWereWrittenWith) {
  Changed changed("id:integer a:text", "id:integer b:text a:text", 9);
  auto table = changed.status.table;
  auto state = Evolved(changed.state, {.renamed = {{"a", "b"}}}, table, 1000);
  auto name_in = [&](int column, std::int64_t timestamp_us) {
    return NameInFiles(state, state.columns[static_cast<std::size_t>(column)], timestamp_us)
        .value_or("none");
  };
  EXPECT_EQ(name_in(1, 999), "a");
  EXPECT_EQ(name_in(1, 1000), "b");
  EXPECT_EQ(name_in(2, 999), "none");  // what stands there is the other column
  EXPECT_EQ(name_in(2, 1000), "a");
  table.columns[1].name = "c";
  state = Evolved(state, {.renamed = {{"b", "c"}}}, table, 2000);
  EXPECT_EQ(name_in(1, 999), "a");
  EXPECT_EQ(name_in(1, 1999), "b");
  EXPECT_EQ(name_in(1, 2000), "c");
  EXPECT_EQ(ParseState(Serialize(state))->former_names, state.former_names);
}

TEST(Decide, ColumnThatIsNullInAllRowsNeedsNoReading) {
  auto decision = Changed("id:integer a:text", "id:integer a:text c:text", 1).Decide();
  EXPECT_EQ(decision.action, Action::kChanges);
  EXPECT_EQ(decision.reason, Reason::kSchemaChanged);
  EXPECT_EQ(Changed("id:integer a:text b:text", "id:integer b:text", 1).Decide().action,
            Action::kChanges);
}

TEST(Decide, ColumnThatMayHoldValuesIsCompared) {
  for (const auto& changed : {Changed("id:integer a:text", "id:integer a:text c:filled", 1),
                              Changed("id:integer a:text", "id:integer a:text c:text", 2),
                              Changed("id:integer a:text", "id:integer a:text", 1)}) {
    EXPECT_EQ(changed.Decide().action, Action::kCompare);
    EXPECT_EQ(changed.Decide().reason, Reason::kSchemaChanged);
  }
  // Its former values are in older files.
  Changed again("id:integer a:text", "id:integer a:text c:text", 1);
  again.state.dropped = ColumnsOf("c:text");
  EXPECT_EQ(again.Decide().action, Action::kCompare);
}

TEST(Decide, RenameLandsRowsAgainOrIsFollowed) {
  Changed changed("id:integer a:text b:text", "id:integer x:text b:text", 1);
  EXPECT_EQ(changed.Decide().action, Action::kLoad);
  EXPECT_EQ(changed.Decide().reason, Reason::kSchemaChanged);
  EXPECT_TRUE(changed.Decide().lands_deletes);
  EXPECT_EQ(changed.Decide(OnRename::kViews).action, Action::kChanges);
  changed.status.schema_version += 1;
  EXPECT_EQ(changed.Decide(OnRename::kViews).action, Action::kCompare);
}

TEST(Decide, RenamedKeyReplacesOlderFilesOrIsFollowed) {
  Changed changed("id:integer a:text", "key:integer a:text", 1);
  auto decision = changed.Decide();
  EXPECT_EQ(decision.reason, Reason::kSchemaChanged);
  EXPECT_TRUE(decision.replaces_older_files);
  EXPECT_FALSE(decision.lands_deletes);
  EXPECT_EQ(changed.Decide(OnRename::kViews).action, Action::kChanges);
}

TEST(Decide, TypesThatDoNotMixReplaceOlderFiles) {
  auto decision = Changed("id:integer a:text", "id:integer a:integer", 1).Decide();
  EXPECT_EQ(decision.action, Action::kLoad);
  EXPECT_EQ(decision.reason, Reason::kSchemaChanged);
  EXPECT_TRUE(decision.replaces_older_files);
  EXPECT_TRUE(decision.lands_deletes);
  // varchar(10) to varchar(20): the same in files.
  EXPECT_EQ(Changed("id:integer a:text", "id:integer a:char", 1).Decide().action, Action::kCompare);
}

TEST(Decide, RenamesNoLongerFollowedAreLandedAgain) {
  Changed changed("id:integer a:text", "id:integer a:text", 0);
  changed.state.former_names = {{5, "z", 10}};
  EXPECT_EQ(changed.Decide(OnRename::kViews).action, Action::kChanges);
  EXPECT_EQ(changed.Decide().reason, Reason::kConfigChanged);
}

// A table with values, changed by statements as SQLite would, and what a cheap decision makes of
// it: wherever rows are not read again, what was landed must be what they hold.
TEST(Decide, CheapDecisionsAreRightForAnySequenceOfStatements) {
  std::mt19937 random(20261121);
  int cheap = 0;
  for (int round = 0; round < 20'000; ++round) {
    // A column's value in the one row, by name; landed files have them by name too.
    std::vector<std::pair<std::string, int>> now = {{"id", 1}, {"a", 2}, {"b", 3}};
    const auto landed = now;
    int statements = static_cast<int>(random() % 4);
    const std::vector<std::string> names = {"a", "b", "c", "d"};
    int done = 0;
    for (int i = 0; i < statements; ++i) {
      auto name = names[random() % names.size()];
      bool is_there = std::ranges::any_of(now, [&](auto& c) { return c.first == name; });
      auto& other = now[1 + random() % std::max<std::size_t>(now.size() - 1, 1) % now.size()];
      if (now.size() < 2) break;
      switch (random() % 3) {
        case 0:
          if (is_there) continue;
          now.emplace_back(name, 0);  // NULL
          break;
        case 1:
          if (now.size() < 3) continue;
          std::erase_if(now, [&, gone = other.first](auto& c) { return c.first == gone; });
          break;
        default:
          if (is_there) continue;
          other.first = name;
      }
      ++done;
    }
    auto text_of = [](const auto& columns) {
      std::string text;
      for (const auto& [name, value] : columns)
        text += name + (name == "id" ? ":integer " : ":text ");
      return text;
    };
    auto decision = Changed(text_of(landed), text_of(now), done).Decide();
    if (decision.action != Action::kChanges || done == 0) continue;
    ++cheap;
    for (const auto& [name, value] : now) {
      auto was = std::ranges::find(landed, name, &std::pair<std::string, int>::first);
      EXPECT_EQ(value, was == landed.end() ? 0 : was->second)
          << text_of(landed) << " to " << text_of(now) << " by " << done;
    }
  }
  EXPECT_GT(cheap, 1000);
}

class FollowedRenames : public testing::TestWithParam<const char*> {
 protected:
  FollowedRenames() : path_(folder_.path() + "/shop.db"), file_(path_) {
    file_.Execute(
        "pragma journal_mode = wal; create table t(id integer primary key, a text, b text);"
        "insert into t values (1, 'a1', 'b1'), (2, 'a2', 'b2'), (3, null, 'b3')");
    options_.workers = 1;
    options_.format = GetParam();
    options_.table_settings["main.t"].on_rename = OnRename::kViews;
  }
  TableReport SyncOne() {
    auto source = test::Get(OpenSource(path_, {}));
    auto report = test::Get(Sync(*source, store_, options_));
    EXPECT_EQ(report.tables.size(), 1u);
    return report.tables.empty() ? TableReport() : report.tables.front();
  }
  void ExpectEqual(std::int64_t rows) {
    auto source = test::Get(OpenSource(path_, {}));
    auto report = test::Get(Verify(*source, store_, options_));
    for (const auto& table : report.tables) {
      EXPECT_TRUE(table.is_equal())
          << (table.error ? table.error->message : "") << " missing " << table.missing << " extra "
          << table.extra << " different " << table.different;
      EXPECT_EQ(table.rows_landed, rows);
    }
  }

  test::TempFolder folder_;
  std::string path_;
  test::SqliteFile file_;
  MemoryStore store_;
  SyncOptions options_;
};

TEST_P(FollowedRenames, LandNothingAndStayEqual) {
  test::Get(sqlite::EnableTracking(path_, {}));
  SyncOne();
  // Names wander: what is a now was never landed under that name.
  for (const char* rename :
       {"alter table t rename column a to c", "alter table t rename column b to a",
        "alter table t rename column id to key"}) {
    file_.Execute(rename);
    auto table = SyncOne();
    EXPECT_EQ(table.reason, Reason::kSchemaChanged) << rename;
    EXPECT_EQ(table.rows, 0) << rename;
    EXPECT_TRUE(table.is_incremental) << rename;
    ExpectEqual(3);
  }
  file_.Execute(
      "update t set a = 'new' where key = 2; delete from t where key = 3;"
      "alter table t rename column a to d");
  EXPECT_EQ(SyncOne().rows, 2);
  ExpectEqual(2);
  options_.table_settings["main.t"].on_rename = OnRename::kBackfill;
  auto table = SyncOne();
  EXPECT_EQ(table.reason, Reason::kConfigChanged);
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.deleted, 0);
  ExpectEqual(2);
  EXPECT_EQ(SyncOne().reason, Reason::kNoChanges);
}

TEST_P(FollowedRenames, OfATableThatIsComparedToo) {
  SyncOne();
  file_.Execute(
      "alter table t rename column a to c; alter table t rename column b to a;"
      "insert into t values (4, 'c4', 'a4')");
  auto table = SyncOne();
  EXPECT_TRUE(table.is_incremental);
  ExpectEqual(4);
}

INSTANTIATE_TEST_SUITE_P(Formats, FollowedRenames, testing::Values("per_table", "unified"));

}  // namespace
}  // namespace tidemark
