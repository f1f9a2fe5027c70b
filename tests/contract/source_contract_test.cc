#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "source/source.h"
#include "tests/support/read_rows.h"
#include "tests/support/sqlite_file.h"
#include "tests/support/sqlserver_process.h"
#include "tests/support/temp_folder.h"

namespace tidemark::test {
namespace {

// A fresh database with a program at work in it.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual std::string Location() = 0;  // as OpenSource takes it
  virtual void Execute(const std::string& sql) = 0;
  virtual std::vector<std::int64_t> Ints(const std::string& sql) = 0;
  // Runs in its own thread: one statement after the other until told to stop.
  virtual void Repeat(const std::string& sql, const std::stop_token& stop) = 0;
  virtual std::string schema() = 0;
  // Statements, in its own words. A table of a key `id`, a column `tag` and a text `s` of so many
  // bytes, with rows 1…`rows` that are tagged alike:
  virtual std::string NumberedTable(const std::string& name, int rows, int text_bytes) = 0;
  virtual std::string Together(const std::string& sql) = 0;  // in one transaction
  // A table `t` of two rows with a column of each kind, the second all NULL but for its key.
  virtual std::string TypedTable() = 0;
  // False: after a definition changed, a snapshot from before says kUnavailable.
  virtual bool keeps_definitions() = 0;
  const std::string& temp_dir() const { return folder_.path(); }

 protected:
  TempFolder folder_;
};

struct SourceCase {
  std::string name, scheme;
  std::function<std::unique_ptr<Fixture>()> make;
  // Tables with a column `tag`, which is different in every row, and other shapes of keys.
  std::vector<std::string> shapes;
};

class SqliteFixture final : public Fixture {
 public:
  explicit SqliteFixture(const std::string& journal_mode)
      : path_(folder_.path() + "/shop.db"), file_(path_) {
    file_.Execute("pragma journal_mode = " + journal_mode + "; pragma synchronous = off");
    file_.WaitWhenBusy(60'000);
  }
  std::string Location() override { return "sqlite:" + path_; }
  void Execute(const std::string& sql) override { file_.Execute(sql); }
  std::vector<std::int64_t> Ints(const std::string& sql) override { return file_.Ints(sql); }
  void Repeat(const std::string& sql, const std::stop_token& stop) override {
    SqliteFile file(path_);
    file.Execute("pragma synchronous = off");
    file.WaitWhenBusy(60'000);
    while (!stop.stop_requested()) file.Execute(sql);
  }
  std::string schema() override { return "main"; }
  std::string NumberedTable(const std::string& name, int rows, int text_bytes) override {
    return "create table " + name + "(id integer primary key, tag int, s text); insert into " +
           name + " with recursive n(i) as (select 1 union all select i + 1 from n where i < " +
           std::to_string(rows) + ") select i, i, printf('%." + std::to_string(text_bytes) +
           "c', 'x') from n;";
  }
  std::string Together(const std::string& sql) override {
    return "begin immediate; " + sql + "; commit";
  }
  std::string TypedTable() override {
    return "create table t(id integer primary key, a text, b real, c blob, d date, "
           "e timestamp, f boolean); insert into t values "
           "(1, 'x', 1.5, x'00ff', '2024-02-29', '2024-02-29 23:59:59.5', 1),"
           "(2, null, null, null, null, null, null)";
  }
  bool keeps_definitions() override { return true; }

 private:
  std::string path_;
  SqliteFile file_;
};

// Every table is tracked, so that several sessions may read it.
class SqlServerFixture final : public Fixture {
 public:
  SqlServerFixture() : database_("shop" + std::to_string(++databases_)), admin_("master") {
    admin_.Execute("create database " + database_ + "; use " + database_);
    admin_.Execute("alter database " + database_ +
                   " set change_tracking = on (change_retention = 2 days, auto_cleanup = on)");
    admin_.Execute("alter database " + database_ + " set allow_snapshot_isolation on");
  }
  std::string Location() override {
    return "sqlserver://sa:p@127.0.0.1:" + std::to_string(SqlServerProcess::Get().port()) + "/" +
           database_ + "?encrypt=false";
  }
  void Execute(const std::string& sql) override { admin_.Execute(sql); }
  std::vector<std::int64_t> Ints(const std::string& sql) override { return admin_.Ints(sql); }
  void Repeat(const std::string& sql, const std::stop_token& stop) override {
    SqlServerSession session(database_);
    while (!stop.stop_requested()) session.Execute(sql);
  }
  std::string schema() override { return "dbo"; }
  std::string NumberedTable(const std::string& name, int rows, int text_bytes) override {
    std::string sql = "create table " + name +
                      "(id bigint not null primary key, tag bigint, s nvarchar(max));" +
                      "alter table " + name + " enable change_tracking;";
    std::string text(static_cast<std::size_t>(text_bytes), 'x');
    for (int i = 1; i <= rows; ++i)
      sql += (i % 500 == 1 ? ";insert into " + name + " values (" : ", (") + std::to_string(i) +
             ", " + std::to_string(i) + ", N'" + text + "')";
    return sql + ";";
  }
  std::string Together(const std::string& sql) override {
    return "begin transaction; " + sql + "; commit transaction";
  }
  std::string TypedTable() override {
    return "create table t(id int not null primary key, a nvarchar(10), b float, c varbinary(8), "
           "d date, e datetime2(7), f bit, g decimal(10, 2), h datetimeoffset(7), i sql_variant);"
           "alter table t enable change_tracking;"
           "insert into t values (1, N'x', 1.5, 0x00FF, '2024-02-29', "
           "'2024-02-29T23:59:59.1234567', 1, 1.25, '2024-02-29T23:59:59+02:00', 5);"
           "insert into t(id) values (2)";
  }
  bool keeps_definitions() override { return false; }

 private:
  static inline std::atomic<int> databases_ = 0;
  const std::string database_;
  SqlServerSession admin_;
};

// Each makes a table named t, tag = 1…
std::vector<std::string> SqlServerShapes() {
  constexpr int kRows = 60;  // the test server is not fast
  auto filled = [](const std::string& definition, const std::function<std::string(int)>& row) {
    std::string sql = "create table t" + definition + ";alter table t enable change_tracking;";
    for (int i = 1; i <= kRows; ++i)
      sql += (i % 500 == 1 ? ";insert into t values (" : ", (") + row(i) + ")";
    return sql;
  };
  auto text = [](auto number) { return std::to_string(number); };
  return {
      filled("(id int not null primary key, tag bigint)",
             [=](int i) { return text(i) + ", " + text(i); }),
      filled("(id bigint not null primary key, tag bigint)",
             [=](int i) { return text((i - 500LL) * 9007199254740993LL) + ", " + text(i); }),
      filled("(k nvarchar(20) collate Latin1_General_100_CI_AS not null primary key, tag bigint)",
             [=](int i) { return (i % 2 ? "N'k" : "N'K") + text(i) + "', " + text(i); }),
      filled("(a int not null, b nvarchar(9) not null, tag bigint, primary key (a desc, b))",
             [=](int i) { return text(i % 10) + ", N'" + text(i) + "', " + text(i); }),
      filled("(d datetime2(7) not null primary key, tag bigint)",
             [=](int i) {
               auto digits = text(i);
               return "'2026-01-01T00:00:00." + std::string(7 - digits.size(), '0') + digits +
                      "', " + digits;
             }),
      filled("(g uniqueidentifier not null primary key, tag bigint)",
             [=](int i) {
               auto digits = text(i);
               return "'" + std::string(8 - digits.size(), '0') + digits +
                      "-0000-0000-0000-00000000000" + text(i % 7) + "', " + digits;
             }),
      filled("(d decimal(12, 3) not null primary key, tag bigint)",
             [=](int i) { return text(i - 500) + ".125, " + text(i); }),
      "create table t(tag bigint, s nvarchar(9)); insert into t values (1, N'a'), (2, N'b')",
      "create table t(id int not null primary key, tag bigint)",
  };
}

constexpr const char* kNumbers =
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) ";

// Each makes a table named t of 1000 rows, tag = 1…1000.
std::vector<std::string> SqliteShapes() {
  const std::string numbers = kNumbers;
  return {
      "create table t(id integer primary key, tag int, s text);"
      "insert into t " +
          numbers + "select i, i, 's' || i from n",
      "create table t(id integer primary key, tag int);"  // negative, and far apart
      "insert into t " +
          numbers + "select (i - 500) * 9007199254740993, i from n",
      "create table t(id integer primary key, tag int);"  // the very ends
      "insert into t " +
          numbers +
          "select case i when 1 then -9223372036854775807 - 1 when 1000 "
          "then 9223372036854775807 else i end, i from n",
      "create table t(tag int, s text); insert into t " + numbers +
          "select i, 'x' from n;"
          "delete from t where tag % 7 = 0",
      "create table t(k text primary key, tag int); insert into t " + numbers +
          "select 'k' || i, i from n",
      "create table t(a text collate nocase, b int, tag int, primary key(a, b)) without rowid;"
      "insert into t " +
          numbers +
          "select case i % 3 when 0 then 'Ab' when 1 then 'aB' else 'c' "
          "end, i, i from n",
      "create table t(k primary key, tag int) without rowid; insert into t " + numbers +
          "select case i % 4 when 0 then i when 1 then i + 0.5 when 2 then 'k' || i else "
          "cast('k' || i as blob) end, i from n",
      "create table t(a int, b int, tag int, primary key(a desc, b)) without rowid;"
      "insert into t " +
          numbers + "select i % 10, i, i from n",
      "create table t(rowid text, _rowid_ text, oid text, tag int); insert into t " + numbers +
          "select 'a', 'b', 'c', i from n",
      "create table t(\"odd \"\"column'\" int, tag int, \"order\" int primary key);"
      "insert into t " +
          numbers + "select i, i, -i from n",
      "create table t(id integer primary key, tag int, v as (tag + 1), w as (tag + 2) stored);"
      "insert into t(id, tag) " +
          numbers + "select i, i from n",
      "create table t(id integer primary key, tag int)",
      "create table t(k text primary key, tag int) without rowid",
  };
}

std::vector<SourceCase> Cases() {
  auto sqlite = [](const char* name, const char* journal_mode) {
    return SourceCase{.name = name,
                      .scheme = "sqlite",
                      .make = [=] { return std::make_unique<SqliteFixture>(journal_mode); },
                      .shapes = SqliteShapes()};
  };
  SourceCase sqlserver{.name = "SqlServer",
                       .scheme = "sqlserver",
                       .make = [] { return std::make_unique<SqlServerFixture>(); },
                       .shapes = SqlServerShapes()};
  return {sqlite("SqliteLog", "wal"), sqlite("SqliteRollback", "delete"), sqlserver};
}

class SourceContract : public testing::TestWithParam<SourceCase> {
 protected:
  SourceContract() : fixture_(GetParam().make()) {}

  void Open() {
    snapshot_.reset();
    options_.database = "shop";
    source_ = Get(OpenSource(fixture_->Location(), options_));
    snapshot_ = Get(source_->OpenSnapshot(fixture_->temp_dir()));
  }
  Table Inspect(const std::string& name) {
    return Get(snapshot_->Inspect({"shop", fixture_->schema(), name}, nullptr)).table;
  }
  Table PrepareLoad(const std::string& name) {
    auto table = Inspect(name);
    std::vector<ReadPlan> plans = {{.table = table, .since_version = std::nullopt}};
    Get(snapshot_->Prepare(plans));
    return table;
  }
  // In the order of the slices.
  Batches ReadAll(const Table& table, std::int64_t target_rows) {
    Batches batches;
    for (const auto& slice : Get(snapshot_->Split(table, target_rows)))
      AppendAll(*Get(snapshot_->Read(table, slice)), batches);
    return batches;
  }
  // The table with the columns that hold what is in it.
  Table Refitted(const Table& table) {
    Batches batches;
    for (const auto& slice : Get(snapshot_->Split(table, 1 << 20))) {
      auto stream = Get(snapshot_->Read(table, slice));
      while (true) {
        auto batch = stream->Next();
        if (!batch && batch.error().kind == ErrorKind::kMisfit) return Get(snapshot_->Refit(table));
        if (!Get(std::move(batch))) break;
      }
    }
    return table;
  }

  std::unique_ptr<Fixture> fixture_;
  SourceOptions options_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Snapshot> snapshot_;
};

std::vector<std::int64_t> Sorted(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

// Tables come by name, with the database's and the schema's name.
TEST_P(SourceContract, ListsTables) {
  fixture_->Execute("create table b(x int); create table a(x int)");
  Open();
  auto schema = fixture_->schema();
  EXPECT_THAT(Get(source_->ListTables()),
              testing::ElementsAre(TableName{"shop", schema, "a"}, TableName{"shop", schema, "b"}));
  EXPECT_EQ(Get(source_->Identity()), Get(source_->Identity()));
}

// A table that is not there is told apart from other trouble.
TEST_P(SourceContract, MissesATable) {
  Open();
  auto status = snapshot_->Inspect({"shop", fixture_->schema(), "nothing"}, nullptr);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kNotFound);
}

// Slices cover each row exactly once, whatever the key looks like and however small they are.
TEST_P(SourceContract, SlicesCoverEachRowOnce) {
  for (const auto& shape : GetParam().shapes) {
    SCOPED_TRACE(shape);
    snapshot_.reset();
    fixture_->Execute("drop table if exists t;" + shape);
    Open();
    auto table = Refitted(PrepareLoad("t"));
    auto expected = fixture_->Ints("select tag from t order by tag");
    for (std::int64_t target_rows : {1, 7, 100, 999, 1000, 1'000'000}) {
      auto batches = ReadAll(table, target_rows);
      EXPECT_EQ(Sorted(IntsOf(batches, "tag")), expected) << "slices of " << target_rows;
    }
  }
}

// What is committed after the snapshot, is not in it.
TEST_P(SourceContract, SnapshotIgnoresLaterWrites) {
  fixture_->Execute(fixture_->NumberedTable("t", 2, 1) + fixture_->NumberedTable("gone", 1, 1));
  Open();
  auto gone = Inspect("gone");
  auto table = PrepareLoad("t");
  fixture_->Execute(
      "insert into t values (3, 30, 'x'); update t set tag = 11 where id = 1;"
      "delete from t where id = 2");
  EXPECT_THAT(IntsOf(ReadAll(table, 1000), "tag"), testing::ElementsAre(1, 2));
  EXPECT_THAT(IntsOf(ReadAll(gone, 1000), "tag"), testing::ElementsAre(1));
  Open();
  EXPECT_THAT(IntsOf(ReadAll(PrepareLoad("t"), 1000), "tag"), testing::ElementsAre(11, 30));
}

// Definitions are of the snapshot too, or there is a new one to be opened.
TEST_P(SourceContract, SnapshotIsNotMixedWithLaterDefinitions) {
  fixture_->Execute(fixture_->NumberedTable("t", 2, 1) + fixture_->NumberedTable("gone", 1, 1));
  Open();
  auto gone = Inspect("gone");
  auto table = PrepareLoad("t");
  fixture_->Execute("alter table t add later int; drop table gone; create table gone(other int)");
  if (fixture_->keeps_definitions()) {
    EXPECT_THAT(IntsOf(ReadAll(table, 1000), "tag"), testing::ElementsAre(1, 2));
    EXPECT_THAT(IntsOf(ReadAll(gone, 1000), "tag"), testing::ElementsAre(1));
  } else {
    auto next = Get(snapshot_->Read(table, Get(snapshot_->Split(table, 1000))[0]))->Next();
    ASSERT_FALSE(next.has_value());
    EXPECT_EQ(next.error().kind, ErrorKind::kUnavailable) << next.error().message;
  }
  Open();
  auto changed = PrepareLoad("t");
  EXPECT_EQ(changed.columns.size(), 4u);
  EXPECT_NE(changed.fingerprint, table.fingerprint);
}

// Several streams at once see one state while another program commits to both tables together.
TEST_P(SourceContract, StreamsAtOnceSeeOneState) {
  fixture_->Execute(fixture_->NumberedTable("a", 1000, 1) + fixture_->NumberedTable("b", 1000, 1) +
                    "update a set tag = 0; update b set tag = 0");
  options_.batch_rows = 50;
  std::jthread other([&](std::stop_token stop) {
    fixture_->Repeat(fixture_->Together("update a set tag = tag + 1; update b set tag = tag + 1"),
                     stop);
  });
  for (int round = 0; round < 10; ++round) {
    Open();
    auto b = Inspect("b");
    auto a = PrepareLoad("a");
    Batches batches[2];
    {
      std::jthread one([&] { batches[0] = ReadAll(a, 100); });
      std::jthread two([&] { batches[1] = ReadAll(b, 100); });
    }
    auto values = IntsOf(batches[0], "tag"), others = IntsOf(batches[1], "tag");
    ASSERT_EQ(values.size(), 1000u);
    EXPECT_THAT(values, testing::Each(values[0]));
    EXPECT_EQ(values, others);
    snapshot_.reset();
  }
}

// Reading a slice again, for instance after an upload failed, gives the same.
TEST_P(SourceContract, ReadsAgainTheSame) {
  fixture_->Execute(fixture_->NumberedTable("t", 1000, 5));
  Open();
  auto table = PrepareLoad("t");
  auto slices = Get(snapshot_->Split(table, 300));
  ASSERT_GT(slices.size(), 1u);
  Batches first, again;
  AppendAll(*Get(snapshot_->Read(table, slices[1])), first);
  AppendAll(*Get(snapshot_->Read(table, slices[1])), again);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(TextsOf(first), TextsOf(again));
}

// A batch ends at its rows or its bytes, and no row is lost at the seams.
TEST_P(SourceContract, KeepsToTheLimitsOfABatch) {
  fixture_->Execute(fixture_->NumberedTable("t", 1000, 1000));
  options_.batch_rows = 64;
  Open();
  auto by_rows = ReadAll(PrepareLoad("t"), 1'000'000);
  EXPECT_EQ(by_rows.size(), 16u);
  for (const auto& batch : by_rows) EXPECT_LE(batch->num_rows(), 64);
  EXPECT_EQ(IntsOf(by_rows, "tag").size(), 1000u);
  options_.batch_bytes = 10'000;
  Open();
  auto by_bytes = ReadAll(PrepareLoad("t"), 1'000'000);
  for (const auto& batch : by_bytes) EXPECT_LE(batch->num_rows(), 11);
  EXPECT_EQ(IntsOf(by_bytes, "tag").size(), 1000u);
}

// Whoever asks to stop need not wait for more than the batch under way.
TEST_P(SourceContract, StopsBetweenBatches) {
  fixture_->Execute(fixture_->NumberedTable("t", 1000, 1));
  std::stop_source stop;
  options_.stop = stop.get_token();
  options_.batch_rows = 10;
  Open();
  auto table = PrepareLoad("t");
  auto stream = Get(snapshot_->Read(table, Get(snapshot_->Split(table, 1'000'000))[0]));
  EXPECT_NE(Get(stream->Next()), nullptr);
  stop.request_stop();
  auto next = stream->Next();
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().kind, ErrorKind::kCancelled);
}

// The batches have the schema that the table promises.
TEST_P(SourceContract, BatchesHaveTheTablesSchema) {
  fixture_->Execute(fixture_->TypedTable());
  Open();
  auto table = PrepareLoad("t");
  auto batches = ReadAll(table, 1000);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_TRUE(batches[0]->schema()->Equals(*RowSchema(table)))
      << batches[0]->schema()->ToString() << RowSchema(table)->ToString();
  EXPECT_TRUE(batches[0]->ValidateFull().ok());
  EXPECT_EQ(batches[0]->num_rows(), 2);
}

// A damaged token is refused rather than read as something else.
TEST_P(SourceContract, RefusesADamagedToken) {
  fixture_->Execute(fixture_->NumberedTable("t", 1, 1));
  Open();
  auto table = PrepareLoad("t");
  for (const char* token : {"", "x", "[]", "{\"first\": \"a\", \"last\": 1}", "{\"from\": 5}"}) {
    auto stream = snapshot_->Read(table, {.token = token});
    ASSERT_FALSE(stream.has_value()) << token;
    EXPECT_EQ(stream.error().kind, ErrorKind::kInvalid) << token;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SourceContract, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

// A new kind of source cannot forget this suite.
TEST(SourceRegistry, EveryKindHasACase) {
  std::set<std::string, std::less<>> tested;
  for (const auto& source_case : Cases()) tested.insert(source_case.scheme);
  for (const auto& kind : SourceKinds()) EXPECT_TRUE(tested.contains(kind.scheme)) << kind.scheme;
}

TEST(SourceRegistry, RefusesAnUnknownScheme) {
  auto source = OpenSource("nosuch://place", {});
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace tidemark::test
