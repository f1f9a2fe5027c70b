#include "source/sqlite/tracking.h"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <iostream>

#include "source/sqlite/tracking_testing.h"

namespace tidemark::sqlite {
namespace {

using testing::Change;
using testing::Do;
using testing::TempFolder;
using testing::Value;
using namespace std::string_literals;

class TrackingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_.File("x.db");
    OpenDb();
  }

  void OpenDb() {
    db_.reset();
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version=1", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(raw);
    db_.emplace(Value(Connection::Open(path_, Access::kReadWrite, 1'000)));
  }

  void Sql(const std::string& sql) { Do(db_->Execute(sql)); }

  TrackReport Enable(std::vector<std::string> tables = {}) {
    return Value(EnableTracking(path_, {.tables = std::move(tables)}));
  }

  // What was done with each table: "t: enabled, u: skipped (it has no primary key)".
  static std::string Text(const TrackReport& report) {
    std::string text;
    for (auto& table : report.tables) {
      text += (text.empty() ? "" : ", ") + table.table + ": " + std::string(Name(table.outcome));
      if (!table.because.empty()) text += " (" + table.because + ")";
    }
    return text;
  }

  TrackingStatus Status(const std::string& table, const Position* last = nullptr) {
    auto tracking = Value(ReadTracking(*db_));
    return Value(StatusOf(*db_, tracking.value_or(TrackingDatabase()), Catalog(table), last));
  }
  Position Now(const std::string& table) { return Status(table).current; }
  CatalogTable Catalog(const std::string& table) { return Value(ReadCatalogTable(*db_, table)); }

  std::vector<Change> Changes(const std::string& table, std::int64_t since = 0) {
    auto catalog = Catalog(table);
    return Value(testing::ReadChanges(*db_, catalog, testing::TableOf(catalog), since));
  }

  // "U 1 x, D 2 null": operations and values, by version.
  std::string ChangeText(const std::string& table, std::int64_t since = 0) {
    std::string text;
    for (auto& change : Changes(table, since)) {
      text += (text.empty() ? ""s : ", "s) + change.operation;
      for (auto& value : change.values) text += " " + value;
    }
    return text;
  }

  std::string Schema() {
    return Value(db_->QueryText("select group_concat(name || ifnull(sql, ''), char(10)) from "
                                "(select * from sqlite_schema order by name)"))
        .value_or("");
  }

  // Rows that a statement visited without an index.
  std::int64_t ScanSteps(const std::string& sql) {
    auto statement = Value(db_->Prepare(sql));
    Value(statement.Step());
    return sqlite3_stmt_status(statement.raw(), SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
  }

  TempFolder folder_;
  std::string path_;
  std::optional<Connection> db_;
};

// Trap: INSERT OR REPLACE and UPDATE OR REPLACE push out other rows without a DELETE trigger.
TEST_F(TrackingTest, RowsPushedOutByUniqueColumnsAreNoted) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE);"
      "INSERT INTO t VALUES(1,'a'),(2,'b'),(3,'c')");
  Enable();
  Sql("INSERT OR REPLACE INTO t VALUES(9,'a')");
  Sql("UPDATE OR REPLACE t SET u='c' WHERE id=2");
  EXPECT_EQ(ChangeText("t"), "D 1 null, I 9 a, D 3 null, U 2 c");
}

TEST_F(TrackingTest, RowsPushedOutByPartialAndExpressionIndexesAreNoted) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT, c TEXT COLLATE NOCASE);"
      "CREATE UNIQUE INDEX p ON t(b) WHERE a IS NOT NULL;"
      "CREATE UNIQUE INDEX e ON t(lower(a) || 'x', b+0);"
      "CREATE UNIQUE INDEX n ON t(c COLLATE NOCASE DESC);"
      "INSERT INTO t VALUES(1,'q',1,'C1'),(2,'W',2,'C2'),(3,NULL,3,'C3')");
  Enable();
  Sql("INSERT OR REPLACE INTO t VALUES(7,'other',1,NULL)");
  Sql("UPDATE OR REPLACE t SET a='w', b=2.0 WHERE id=7");
  Sql("INSERT OR REPLACE INTO t VALUES(8,NULL,9,'c3')");
  EXPECT_EQ(ChangeText("t"),
            "D 1 null null null, D 2 null null null, I 7 w 2 null, "
            "D 3 null null null, I 8 null 9 c3");
}

TEST_F(TrackingTest, RowsPushedOutByTheirRowidAreNoted) {
  Sql("CREATE TABLE t(k TEXT PRIMARY KEY, v INT); INSERT INTO t(rowid,k,v) VALUES(7,'a',1)");
  Enable();
  Sql("INSERT OR REPLACE INTO t(rowid,k,v) VALUES(7,'b',2)");
  EXPECT_EQ(ChangeText("t"), "D a null, I b 2");
}

TEST_F(TrackingTest, ATableThatShadowsEveryRowidNameIsTracked) {
  Sql("CREATE TABLE t(rowid TEXT PRIMARY KEY, _rowid_ INT, oid INT);"
      "INSERT INTO t VALUES('a',1,2)");
  Enable();
  Sql("INSERT OR REPLACE INTO t VALUES('a',5,6),('b',1,1)");
  EXPECT_EQ(ChangeText("t"), "U a 5 6, I b 1 1");
}

// In a table named "new" the name NEW means the row and not the table.
TEST_F(TrackingTest, TablesMayHaveAnyName) {
  Sql("CREATE TABLE \"new\"(id INTEGER PRIMARY KEY, \"a \"\"b\" TEXT UNIQUE);"
      "CREATE TABLE \"o'r`d[er] \"\"x\"\"\"(\"select\" TEXT PRIMARY KEY, \"from\" INT);");
  EXPECT_EQ(Text(Enable()), "new: enabled, o'r`d[er] \"x\": enabled");
  Sql("INSERT INTO \"new\" VALUES(1,'x'); INSERT OR REPLACE INTO \"new\" VALUES(2,'x');"
      "UPDATE \"new\" SET id=3; INSERT INTO \"o'r`d[er] \"\"x\"\"\" VALUES('k',1)");
  EXPECT_EQ(ChangeText("new"), "D 1 null, D 2 null, I 3 x");
  EXPECT_EQ(ChangeText("o'r`d[er] \"x\""), "I k 1");
}

// Trap: an upsert fires BEFORE INSERT and then UPDATE. Rules 23: the key existed before or not.
TEST_F(TrackingTest, UpsertsAreInsertsOrUpdatesAsTheKeyWasThere) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1,0)");
  Enable();
  Sql("INSERT INTO t VALUES(1,5),(2,5) ON CONFLICT(id) DO UPDATE SET v=excluded.v+1");
  EXPECT_EQ(ChangeText("t"), "U 1 6, I 2 5");
}

// Trap: cascades fire the child's triggers, DELETE without WHERE fires row triggers.
TEST_F(TrackingTest, CascadesAndDeletesOfEverythingAreNoted) {
  Sql("PRAGMA foreign_keys=ON; CREATE TABLE p(id INTEGER PRIMARY KEY);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);"
      "INSERT INTO p VALUES(1),(2),(3); INSERT INTO c VALUES(10,1),(20,2),(30,3)");
  Enable();
  Sql("DELETE FROM p WHERE id=1; UPDATE p SET id=22 WHERE id=2");
  EXPECT_EQ(ChangeText("c"), "D 10 null, U 20 22");
  auto since = Now("c").version;
  Sql("DELETE FROM p");
  EXPECT_EQ(ChangeText("p"), "D 1, D 2, D 3, D 22");
  EXPECT_EQ(ChangeText("c", since), "D 30 null, D 20 null");
}

// Trap: a changed key is a delete and an insert. Rules 24: `SET rowid = 5` passes OF lists by.
TEST_F(TrackingTest, ChangedKeysAreNotedUnderBothKeys) {
  Sql("CREATE TABLE t(a INT, b TEXT, v INT, PRIMARY KEY(b,a)) WITHOUT ROWID;"
      "CREATE TABLE r(id INTEGER PRIMARY KEY, v INT);"
      "INSERT INTO t VALUES(1,'x',0),(2,'x',0); INSERT INTO r VALUES(1,0),(5,9)");
  Enable();
  Sql("UPDATE t SET a=3 WHERE a=1; UPDATE OR REPLACE r SET rowid=5 WHERE rowid=1");
  EXPECT_EQ(ChangeText("t"), "D 1 x null, I 3 x 0");
  EXPECT_EQ(ChangeText("r"), "D 1 null, U 5 0");
}

// Trap: what the application sees of its own statements.
TEST_F(TrackingTest, CountsOfTheApplicationStayRight) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, u INT UNIQUE); INSERT INTO t VALUES(50,1)");
  Enable();
  Sql("INSERT OR REPLACE INTO t VALUES(NULL,1)");
  EXPECT_EQ(sqlite3_changes(db_->raw()), 1);
  EXPECT_EQ(sqlite3_last_insert_rowid(db_->raw()), 51);
  Sql("UPDATE t SET u=2");
  EXPECT_EQ(sqlite3_changes(db_->raw()), 1);
  EXPECT_EQ(sqlite3_last_insert_rowid(db_->raw()), 51);
  auto before = sqlite3_total_changes(db_->raw());
  Sql("DELETE FROM t");
  EXPECT_EQ(sqlite3_changes(db_->raw()), 1);
  EXPECT_EQ(sqlite3_total_changes(db_->raw()) - before, 2) << "counts the note too, as documented";
}

// Trap: what cannot be tracked is said, and does not stop the others.
TEST_F(TrackingTest, TablesThatCannotBeTrackedAreSkippedWithAReason) {
  Sql("CREATE TABLE a(x); CREATE TABLE b(id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT 1;"
      "CREATE VIRTUAL TABLE f USING fts5(x);"
      "CREATE TABLE n(k TEXT PRIMARY KEY); INSERT INTO n VALUES(NULL);"
      "CREATE TABLE m(k, j, PRIMARY KEY(k,j)); INSERT INTO m VALUES(1,1),(1,'x');"
      "CREATE TABLE ok(k PRIMARY KEY); INSERT INTO ok VALUES(1),(2.5);"
      "CREATE TABLE g(id INTEGER PRIMARY KEY, h); CREATE UNIQUE INDEX gi ON g(h, id%3);");
  EXPECT_EQ(Text(Enable()),
            "a: skipped (it has no primary key), b: enabled, "
            "f: skipped (virtual tables cannot have triggers), "
            "g: skipped (its unique index gi depends on the rowid through an expression), "
            "m: skipped (its key column j holds values of several types), "
            "n: skipped (its key column k holds NULL), ok: enabled");
  EXPECT_EQ(Text(Enable({"v"})), "v: skipped (it is a view; track its tables)");
  auto missing = EnableTracking(path_, {.tables = {"b", "nothing*"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(missing.error().message.ends_with("no table matches nothing*"));
}

TEST_F(TrackingTest, NamesAndGlobsChooseTablesWithoutCase) {
  Sql("CREATE TABLE Order1(id INTEGER PRIMARY KEY); CREATE TABLE order2(id INTEGER PRIMARY KEY);"
      "CREATE TABLE \"x[1]\"(id INTEGER PRIMARY KEY)");
  EXPECT_EQ(Text(Enable({"ORDER?", "x[1]"})), "Order1: enabled, order2: enabled, x[1]: enabled");
}

TEST_F(TrackingTest, EnablingAgainChangesNothing) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)");
  Enable();
  Sql("INSERT INTO t VALUES(1,1)");
  auto before = Schema();
  auto position = Now("t");
  EXPECT_EQ(Text(Enable()), "t: unchanged");
  EXPECT_EQ(Schema(), before);
  EXPECT_EQ(Now("t"), position);
  auto again = Value(EnableTracking(path_, {.retention_seconds = 60}));
  EXPECT_EQ(Text(again), "t: unchanged (its changes are now kept for 60 s)");
  EXPECT_EQ(Status("t").retention_seconds, 60);
}

TEST_F(TrackingTest, DisablingLeavesNothingOfOurs) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(id INTEGER PRIMARY KEY);"
      "CREATE TABLE gone(id INTEGER PRIMARY KEY)");
  auto before = Schema();
  Enable();
  Sql("INSERT INTO t VALUES(1)");
  EXPECT_EQ(Text(Value(DisableTracking(path_, {.tables = {"t"}}))), "t: disabled");
  EXPECT_FALSE(Status("t").is_tracked);
  EXPECT_TRUE(Status("u").is_tracked);
  EXPECT_EQ(Text(Value(DisableTracking(path_, {.tables = {"t"}}))),
            "t: skipped (it is not tracked)");
  EXPECT_EQ(Text(Value(DisableTracking(path_, {}))), "gone: disabled, u: disabled");
  EXPECT_EQ(Schema(), before);
  EXPECT_FALSE(Value(ReadTracking(*db_)));
}

TEST_F(TrackingTest, LogsOfDroppedTablesAreRemovedWithTheRest) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Enable();
  Sql("DROP TABLE t; CREATE TABLE u(id INTEGER PRIMARY KEY)");
  auto before = Value(db_->QueryInt("select count(*) from sqlite_schema")).value();
  EXPECT_EQ(Text(Enable()), "u: enabled");
  EXPECT_EQ(Value(db_->QueryInt("select count(*) from sqlite_schema")).value(), before - 1 + 6);
}

TEST_F(TrackingTest, ATableWithoutAKeyLeavesNoRegistry) {
  Sql("CREATE TABLE t(x)");
  auto before = Schema();
  Enable();
  EXPECT_EQ(Schema(), before);
}

// Trap: ALTER TABLE.
TEST_F(TrackingTest, RenamesAndAddedColumnsKeepTracking) {
  Sql("CREATE TABLE t(id INT PRIMARY KEY, a TEXT UNIQUE, b INT);"
      "CREATE UNIQUE INDEX i ON t(b) WHERE b > 0; INSERT INTO t VALUES(1,'x',1)");
  Enable();
  auto start = Now("t");
  Sql("ALTER TABLE t RENAME TO \"t two\"; ALTER TABLE \"t two\" ADD COLUMN c INT DEFAULT 7;"
      "ALTER TABLE \"t two\" RENAME COLUMN id TO \"the id\";"
      "ALTER TABLE \"t two\" RENAME COLUMN a TO e");
  Sql("INSERT OR REPLACE INTO \"t two\" VALUES(2,'x',5,6)");
  EXPECT_EQ(Status("t two", &start).history, History::kSame);
  EXPECT_EQ(ChangeText("t two"), "D 1 null null null, I 2 x 5 6");
  EXPECT_EQ(Text(Enable()), "t two: unchanged");
}

// SQLite does not rename within the expression that our triggers evaluate over the new row.
TEST_F(TrackingTest, ARenamedColumnOfAnExpressionIsASchemaChange) {
  Sql("CREATE TABLE t(id INT PRIMARY KEY, a TEXT); CREATE UNIQUE INDEX i ON t(lower(a));"
      "INSERT INTO t VALUES(1,'x')");
  Enable();
  auto start = Now("t");
  Sql("ALTER TABLE t RENAME COLUMN a TO e");
  Sql("INSERT OR REPLACE INTO t VALUES(2,'X')");
  EXPECT_EQ(Status("t", &start).history, History::kSchemaChanged);
  EXPECT_EQ(ChangeText("t"), "D 1 null, I 2 X");
  EXPECT_EQ(Text(Enable()), "t: renewed (its key, unique indexes or triggers have changed)");
}

TEST_F(TrackingTest, ATableMadeAgainIsRecreated) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)");
  Enable();
  auto last = Now("t");
  Sql("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(2)");
  auto status = Status("t", &last);
  EXPECT_EQ(status.history, History::kRecreated);
  EXPECT_FALSE(status.is_tracked);
  EXPECT_EQ(status.untracked_because, "its triggers are gone");
  EXPECT_EQ(Text(Enable()), "t: renewed (its triggers are gone)");
  EXPECT_EQ(Status("t", &last).history, History::kRecreated);
  auto renewed = Now("t");
  EXPECT_EQ(Status("t", &renewed).history, History::kSame);
}

// Rules 25: the documented twelve steps put the triggers back, yet the table is another one.
TEST_F(TrackingTest, TheTwelveStepAlterIsRecreatedAlsoAfterVacuum) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE TABLE u(id INTEGER PRIMARY KEY)");
  Enable();
  auto last = Now("t"), last_u = Now("u");
  Sql("VACUUM");
  EXPECT_EQ(Status("t", &last).history, History::kSame);
  auto triggers = Value(db_->QueryText(
      "select group_concat(sql, ';') from sqlite_schema where type='trigger' and tbl_name='t'"));
  Sql("BEGIN; CREATE TABLE t2(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t2 SELECT * FROM t;"
      "DROP TABLE t; ALTER TABLE t2 RENAME TO t;" +
      *triggers + "; COMMIT");
  EXPECT_EQ(Status("t", &last).history, History::kRecreated);
  Sql("VACUUM");
  OpenDb();
  EXPECT_EQ(Status("t", &last).history, History::kRecreated);
  EXPECT_EQ(Status("u", &last_u).history, History::kSame);
}

// Rules 24: a new UNIQUE index pushes out rows that the triggers do not know of.
TEST_F(TrackingTest, ANewUniqueIndexIsASchemaChangeUntilEnabledAgain) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)");
  Enable();
  auto last = Now("t");
  Sql("CREATE INDEX plain ON t(v)");
  EXPECT_EQ(Status("t", &last).history, History::kSame);
  Sql("CREATE UNIQUE INDEX i ON t(v)");
  EXPECT_EQ(Status("t", &last).history, History::kSchemaChanged);
  EXPECT_EQ(Text(Enable()), "t: renewed (its key, unique indexes or triggers have changed)");
  EXPECT_EQ(Status("t", &last).history, History::kRecreated);
  auto renewed = Now("t");
  EXPECT_EQ(Status("t", &renewed).history, History::kSame);
}

TEST_F(TrackingTest, AnAlteredTriggerIsASchemaChange) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Enable();
  auto last = Now("t");
  Sql("DROP TRIGGER _tidemark_1_ad");
  EXPECT_EQ(Status("t", &last).history, History::kSchemaChanged);
}

// Rules 24: REPLACE of NULL into a NOT NULL column stores its default.
TEST_F(TrackingTest, ReplacedNullsPushOutByTheDefault) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, u INT NOT NULL DEFAULT (3+4) UNIQUE, "
      "e TEXT COLLATE NOCASE NOT NULL DEFAULT 'Q'); CREATE UNIQUE INDEX i ON t(e || '.');"
      "INSERT INTO t VALUES(1,7,'a'),(2,8,'Q')");
  Enable();
  Sql("INSERT OR REPLACE INTO t VALUES(5,NULL,NULL)");
  EXPECT_EQ(ChangeText("t"), "D 2 null null, D 1 null null, I 5 7 Q");
}

// Rules 22: a key is its bytes; the collation only finds the row.
TEST_F(TrackingTest, AKeyIsItsBytesUnderAnyCollation) {
  Sql("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v INT); INSERT INTO t VALUES('a',1);"
      "CREATE TABLE b(k TEXT COLLATE NOCASE, v INT, PRIMARY KEY(k COLLATE BINARY));"
      "INSERT INTO b VALUES('a',1),('A',2)");
  Enable();
  Sql("UPDATE t SET k='A'; UPDATE b SET v=5 WHERE v=1; DELETE FROM b WHERE v=2");
  EXPECT_EQ(ChangeText("t"), "D a null, I A 1");
  EXPECT_EQ(ChangeText("b"), "U a 5, D A null");
}

// Rules 22: what came later and cannot serve as a key is a misfit; gone again, it was never landed.
TEST_F(TrackingTest, KeysThatCannotServeAreMisfits) {
  Sql("CREATE TABLE t(k INT PRIMARY KEY, v INT)");
  Enable();
  Sql("INSERT INTO t VALUES(NULL,1),('x',2),(3,3)");
  auto catalog = Catalog("t");
  auto changes = testing::ReadChanges(*db_, catalog, testing::TableOf(catalog), 0);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().kind, ErrorKind::kMisfit);
  Sql("DELETE FROM t WHERE k IS NULL OR k='x'");
  EXPECT_EQ(ChangeText("t"), "I 3 3");
}

// Keys that are two to SQLite's storage and one in the column: no D that removes the present row.
TEST_F(TrackingTest, NoDeleteForAnotherSpellingOfAPresentKey) {
  Sql("CREATE TABLE t(k PRIMARY KEY, v INT)");
  Enable();
  // Made later, it runs before ours: the key is noted as 1.0 first and as 1 last.
  Sql("CREATE TRIGGER late AFTER INSERT ON t BEGIN UPDATE t SET k=1.0 WHERE k=1; END");
  Sql("INSERT INTO t VALUES(1,5)");
  EXPECT_EQ(ChangeText("t"), "I 1 5");
  Sql("DROP TRIGGER late; UPDATE t SET k=1");
  auto back = Changes("t");
  ASSERT_EQ(back.size(), 1u);
  EXPECT_NE(back[0].operation, 'D');
  Sql("DELETE FROM t");
  auto changes = Changes("t");
  ASSERT_FALSE(changes.empty());
  for (auto& change : changes) EXPECT_EQ(change.operation, 'D');
}

// Rules 23: the first note decides I or U, the last one without the key before is its creation.
TEST_F(TrackingTest, NetChangesAreRelativeToTheAskedVersion) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1,0)");
  Enable();
  Sql("INSERT INTO t VALUES(2,0)");
  auto second = Now("t").version;
  Sql("UPDATE t SET v=1; DELETE FROM t WHERE id=1; INSERT INTO t VALUES(1,9),(3,0);"
      "DELETE FROM t WHERE id=3");
  auto changes = Changes("t");
  ASSERT_EQ(ChangeText("t"), "I 2 1, U 1 9, D 3 null");
  EXPECT_EQ(changes[0].creation_version, second);
  EXPECT_EQ(changes[1].creation_version, changes[1].version);
  EXPECT_FALSE(changes[2].creation_version);
  EXPECT_EQ(changes[2].version, Now("t").version);
  EXPECT_EQ(ChangeText("t", second), "U 2 1, U 1 9, D 3 null");
  EXPECT_FALSE(Changes("t", second)[0].creation_version);
  EXPECT_EQ(ChangeText("t", Now("t").version), "");
}

TEST_F(TrackingTest, BatchesEndAtTheirLimits) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Enable();
  Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<25) "
      "INSERT INTO t SELECT i FROM n");
  auto catalog = Catalog("t");
  auto table = testing::TableOf(catalog);
  auto tracking = Value(ReadTracking(*db_));
  auto stream = Value(OpenChanges(*db_, catalog, table, *tracking->Find("T"), 0, {.rows = 10}, {}));
  std::vector<std::int64_t> sizes;
  while (auto batch = Value(stream->Next())) sizes.push_back(batch->num_rows());
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{10, 10, 5}));
}

TEST_F(TrackingTest, ReadingStopsWhenAsked) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Enable();
  Sql("INSERT INTO t VALUES(1)");
  std::stop_source stop;
  auto catalog = Catalog("t");
  auto stream = Value(OpenChanges(*db_, catalog, testing::TableOf(catalog),
                                  *Value(ReadTracking(*db_))->Find("t"), 0, {}, stop.get_token()));
  stop.request_stop();
  auto batch = stream->Next();
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().kind, ErrorKind::kCancelled);
}

// Contract 4: a copy put back is noticed, also when it has moved on past the watermark.
TEST_F(TrackingTest, ARestoredCopyIsNoticed) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Enable();
  Sql("INSERT INTO t VALUES(1)");
  auto early = Now("t");
  auto copy = folder_.File("copy.db");
  std::filesystem::copy_file(path_, copy);
  Sql("INSERT INTO t VALUES(2)");
  auto last = Now("t");
  db_.reset();
  std::filesystem::copy_file(copy, path_, std::filesystem::copy_options::overwrite_existing);
  OpenDb();
  EXPECT_EQ(Status("t", &last).history, History::kRestored) << "below the watermark";
  Sql("INSERT INTO t VALUES(3)");
  EXPECT_EQ(Now("t").version, last.version);
  EXPECT_EQ(Status("t", &last).history, History::kRestored) << "at the watermark";
  Sql("INSERT INTO t VALUES(4)");
  EXPECT_EQ(Status("t", &last).history, History::kRestored) << "past the watermark";
  EXPECT_EQ(Status("t", &early).history, History::kSame);
  Value(CleanTracking(path_, {}));
  EXPECT_EQ(Status("t", &last).history, History::kRestored);
}

// Contract 5: nothing happened is answered without touching the table.
TEST_F(TrackingTest, StatusDoesNotTouchTheTable) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT UNIQUE); INSERT INTO t VALUES(1,1)");
  Enable();
  auto tracking = Value(ReadTracking(*db_));
  auto catalog = Catalog("t");
  int reads = 0;
  sqlite3_set_authorizer(
      db_->raw(),
      [](void* count, int action, const char* name, const char*, const char*, const char*) {
        if (action == SQLITE_READ && std::string_view(name) == "t") ++*static_cast<int*>(count);
        return SQLITE_OK;
      },
      &reads);
  Position last{.version = 0, .incarnation = tracking->Find("t")->incarnation};
  last.nonce = last.incarnation;
  auto status = Value(StatusOf(*db_, *tracking, catalog, &last));
  sqlite3_set_authorizer(db_->raw(), nullptr, nullptr);
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(status.current, last) << "an empty log's nonce is the incarnation";
  EXPECT_EQ(status.history, History::kSame);
}

// Rules 26.
TEST_F(TrackingTest, CleaningKeepsTheNewestEntryAndTheNonceOfWhatItRemoved) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Enable();
  Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<25000) "
      "INSERT INTO t SELECT i FROM n");
  Sql("UPDATE _tidemark_log_1 SET time = time - 1000/86400.0 WHERE version < 24000");
  auto old = Position{.version = 23'999, .incarnation = Now("t").incarnation};
  old.nonce = *Value(db_->QueryText("select nonce from _tidemark_log_1 where version=23999"));
  auto last = Now("t");
  TrackOptions options;
  Value(EnableTracking(path_, {.retention_seconds = 500}));
  auto report = Value(CleanTracking(path_, {}));
  EXPECT_EQ(report.tables[0].outcome, TrackOutcome::kCleaned);
  EXPECT_EQ(report.tables[0].removed_entries, 23'999);
  EXPECT_EQ(Status("t").min_valid_version, 23'999);
  EXPECT_EQ(Status("t", &old).history, History::kSame);
  old.nonce = "1";
  EXPECT_EQ(Status("t", &old).history, History::kRestored);
  EXPECT_EQ(Changes("t", 23'999).size(), 1'001u);
  Value(EnableTracking(path_, {.retention_seconds = 0}));
  EXPECT_EQ(Value(CleanTracking(path_, {})).tables[0].removed_entries, 1'000);
  EXPECT_EQ(Now("t"), last);
  EXPECT_EQ(Status("t", &last).history, History::kSame);
  EXPECT_EQ(Value(CleanTracking(path_, {})).tables[0].removed_entries, 0);
  Sql("INSERT INTO t VALUES(-1)");
  EXPECT_EQ(Now("t").version, last.version + 1) << "numbers go on";
}

TEST_F(TrackingTest, ChangesBelowTheMinimumAreRefused) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Value(EnableTracking(path_, {.retention_seconds = 0}));
  Sql("INSERT INTO t VALUES(1),(2),(3)");
  Value(CleanTracking(path_, {}));
  auto catalog = Catalog("t");
  auto changes = testing::ReadChanges(*db_, catalog, testing::TableOf(catalog), 1);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(ChangeText("t", 2), "I 3");
}

TEST_F(TrackingTest, StatusTellsEntriesAgeAndWarnsAboveAMillion) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(x)");
  Enable();
  Sql("INSERT INTO t VALUES(1)");
  Sql("UPDATE _tidemark_log_1 SET time=2440587.5+1000.5/86400");
  FakeClock clock(1'500'000'000);
  auto statuses = Value(TrackingStatusOf(path_, {.clock = &clock}));
  ASSERT_EQ(statuses.size(), 2u);
  EXPECT_TRUE(statuses[0].is_tracked);
  EXPECT_EQ(statuses[0].entries, 1);
  EXPECT_EQ(statuses[0].oldest_entry_age_seconds, 500);
  EXPECT_TRUE(statuses[0].warnings.empty());
  EXPECT_FALSE(statuses[1].is_tracked);
  EXPECT_EQ(statuses[1].because, "it has no primary key");
  // Versions have no gaps, so the newest one stands for a million others.
  Sql("INSERT INTO _tidemark_log_1 VALUES(1000001,0,1,2440587.5,1)");
  statuses = Value(TrackingStatusOf(path_, {.clock = &clock}));
  EXPECT_EQ(statuses[0].entries, 1'000'001);
  ASSERT_EQ(statuses[0].warnings.size(), 1u);
  EXPECT_NE(statuses[0].warnings[0].find("1000001 entries"), std::string::npos);
}

// Rules 27: said in the docs.
TEST_F(TrackingTest, DroppingAColumnThatATriggerNamesFailsUntilDisabled) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT); CREATE UNIQUE INDEX i ON t(b)");
  Enable();
  Sql("ALTER TABLE t DROP COLUMN a");
  auto last = Now("t");
  EXPECT_EQ(Status("t", &last).history, History::kSame);
  Sql("DROP INDEX i");
  EXPECT_FALSE(db_->Execute("ALTER TABLE t DROP COLUMN b"));
  Value(DisableTracking(path_, {}));
  Sql("ALTER TABLE t DROP COLUMN b");
}

// Rules 29: log and row are read by two statements.
TEST_F(TrackingTest, ATableOfTwoThousandColumnsIsRead) {
  std::string columns;
  for (int i = 0; i < 1'999; ++i) columns += ",c" + std::to_string(i) + " INT";
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY" + columns + ")");
  Enable();
  Sql("INSERT INTO t(id,c1998) VALUES(1,77)");
  auto changes = Changes("t");
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].values.size(), 2'000u);
  EXPECT_EQ(changes[0].values.back(), "77");
}

TEST_F(TrackingTest, GeneratedColumnsAndStrictTablesRideAlong) {
  Sql("CREATE TABLE t(id INT PRIMARY KEY, a TEXT, g TEXT AS (upper(a)) STORED UNIQUE, "
      "h INT AS (length(a))) STRICT; INSERT INTO t(id,a) VALUES(1,'x')");
  Enable();
  Sql("INSERT OR REPLACE INTO t(id,a) VALUES(2,'X')");
  EXPECT_EQ(ChangeText("t"), "D 1 null null null, I 2 X X 1");
}

TEST_F(TrackingTest, KeysKeepTheirStorage) {
  Sql("CREATE TABLE t(k BLOB PRIMARY KEY, v INT); CREATE TABLE r(k REAL PRIMARY KEY)");
  Enable();
  Sql("INSERT INTO t VALUES(x'00ff00',1); INSERT INTO r VALUES(1),(0.1),(9007199254740992)");
  EXPECT_EQ(Changes("t")[0].values[0], "\0\xff\0"s);
  EXPECT_EQ(ChangeText("r"), "I 1, I 0.10000000000000001, I 9007199254740992");
  Sql("CREATE TABLE s(k TEXT PRIMARY KEY)");
  Enable({"s"});
  Sql("INSERT INTO s VALUES(CAST(x'610062' AS TEXT))");
  EXPECT_EQ(Changes("s")[0].values[0], "a\0b"s);
}

// Neither reading a few changes nor a write may look at rows other than those it is about.
TEST_F(TrackingTest, NothingScansTheTable) {
  Sql("CREATE TABLE t(k TEXT COLLATE NOCASE, j INT, a TEXT, b INT UNIQUE, "
      "PRIMARY KEY(k COLLATE BINARY, j));"
      "CREATE UNIQUE INDEX p ON t(a) WHERE b > 10; CREATE UNIQUE INDEX e ON t(lower(a), b%1000);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500) "
      "INSERT INTO t SELECT 'k'||i, i, 'a'||i, i FROM n");
  Enable();
  EXPECT_EQ(ScanSteps("INSERT OR REPLACE INTO t VALUES('k900',900,'a70',80)"), 0);
  EXPECT_EQ(ScanSteps("UPDATE OR REPLACE t SET b=90, a='A91' WHERE k COLLATE BINARY='k5'"), 0);
  EXPECT_EQ(ScanSteps("DELETE FROM t WHERE k COLLATE BINARY='k6'"), 0);
  auto catalog = Catalog("t");
  auto tracking = Value(ReadTracking(*db_));
  auto stream =
      Value(OpenChanges(*db_, catalog, testing::TableOf(catalog), *tracking->Find("t"), 0, {}, {}));
  auto batch = Value(stream->Next());
  EXPECT_EQ(batch->num_rows(), 6);
  int statements = 0;
  for (auto* row = sqlite3_next_stmt(db_->raw(), nullptr); row;
       row = sqlite3_next_stmt(db_->raw(), row)) {
    if (std::string_view(sqlite3_sql(row)).find("\"t\"") == std::string_view::npos) continue;
    ++statements;
    EXPECT_EQ(sqlite3_stmt_status(row, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), 0);
  }
  EXPECT_EQ(statements, 1);
}

// Trap: files that cannot be written, or are locked.
TEST_F(TrackingTest, ALockedDatabaseIsSaidToBe) {
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY); BEGIN IMMEDIATE");
  auto report = EnableTracking(path_, {.lock_timeout_ms = 0});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(report.error().hint.empty());
}

TEST_F(TrackingTest, AMissingFileAFolderAndNoDatabaseAreRefused) {
  auto missing = EnableTracking(folder_.File("no.db"), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("no.db")));
  auto folder = EnableTracking(folder_.File(""), {});
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().kind, ErrorKind::kInvalid);
  std::FILE* file = std::fopen(folder_.File("text.db").c_str(), "w");
  for (int i = 0; i < 200; ++i) std::fputs("this is no database\n", file);
  std::fclose(file);
  auto text = EnableTracking(folder_.File("text.db"), {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kCorrupt);
}

TEST_F(TrackingTest, AReadOnlyFileIsDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write any file";
  Sql("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  auto report = EnableTracking(path_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kDenied);
}

// One table of thousands must stay cheap to ask for. Prints the time; it is not judged.
TEST_F(TrackingTest, ThousandsOfTablesAreReadAtOnce) {
  Sql("BEGIN");
  for (int i = 0; i < 2'000; ++i)
    Sql("CREATE TABLE t" + std::to_string(i) + "(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INT)");
  Sql("COMMIT");
  EXPECT_EQ(Enable().tables.size(), 2'000u);
  auto reader = Value(Connection::Open(path_, Access::kReadOnly, 1'000));
  auto catalog = Value(ReadCatalog(reader));
  auto start = std::clock();
  auto tracking = Value(ReadTracking(reader));
  auto middle = std::clock();
  ASSERT_EQ(tracking->tables.size(), 2'000u);
  for (auto& table : catalog)
    ASSERT_EQ(Value(StatusOf(reader, *tracking, table, nullptr)).history, History::kSame);
  auto end = std::clock();
  std::cout << "ReadTracking of 2000 tables: " << (middle - start) * 1e3 / CLOCKS_PER_SEC
            << " ms; StatusOf: " << (end - middle) * 1e6 / CLOCKS_PER_SEC / 2'000
            << " us per table (processor time)\n";
}

}  // namespace
}  // namespace tidemark::sqlite
