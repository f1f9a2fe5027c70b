#include "source/sqlite/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/failpoint.h"
#include "source/sqlite/slices.h"
#include "source/sqlite/tracking.h"
#include "tests/support/read_rows.h"
#include "tests/support/sqlite_file.h"
#include "tests/support/temp_folder.h"

namespace tidemark::sqlite {
namespace {

using test::Batches;
using test::Get;
using test::IntsOf;
using test::SqliteFile;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kNumbers =
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) ";

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() : path_(folder_.path() + "/shop.db"), file_(path_) {
    temp_dir_ = folder_.path() + "/temp";
    std::filesystem::create_directory(temp_dir_);
    options_.batch_rows = 50;
    file_.Execute("pragma synchronous = off");
  }

  void Open() {
    snapshot_.reset();
    source_ = Get(OpenSource(path_, options_));
    snapshot_ = Get(source_->OpenSnapshot(temp_dir_));
  }
  TableName Name(const std::string& name) const { return {"shop", "main", name}; }
  TableStatus Inspect(const std::string& name, const Position* last = nullptr) {
    return Get(snapshot_->Inspect(Name(name), last));
  }
  void Prepare(const std::vector<ReadPlan>& plans) { Get(snapshot_->Prepare(plans)); }
  std::unique_ptr<BatchStream> ReadWhole(const Table& table) {
    auto slices = Get(snapshot_->Split(table, 1 << 30));
    EXPECT_EQ(slices.size(), 1u);
    return Get(snapshot_->Read(table, slices[0]));
  }
  Batches ReadAll(const Table& table) {
    Batches batches;
    test::AppendAll(*ReadWhole(table), batches);
    return batches;
  }
  Batches ReadChanges(const Table& table, std::int64_t version) {
    Batches batches;
    test::AppendAll(*Get(snapshot_->Changes(table, version)), batches);
    return batches;
  }
  void Track() { Get(EnableTracking(path_, {.tables = {}})); }
  bool IsTempDirEmpty() const { return std::filesystem::is_empty(temp_dir_); }
  // 0: the log could be emptied, so no reader holds on to it.
  std::int64_t LogIsHeld() { return file_.Int("pragma wal_checkpoint(truncate)"); }

  test::TempFolder folder_;
  std::string path_, temp_dir_;
  SqliteFile file_;
  SourceOptions options_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Snapshot> snapshot_;
};

std::vector<std::int64_t> OneToThousand() {
  std::vector<std::int64_t> numbers;
  for (int i = 1; i <= 1000; ++i) numbers.push_back(i);
  return numbers;
}

// Streams of every kind go on in a private copy, row for row, when the log grows because of us.
TEST_F(SnapshotTest, MovesToACopyInTheMiddleOfStreams) {
  std::string numbers = kNumbers;
  file_.Execute(
      "pragma journal_mode = wal;"
      "create table ids(id integer primary key, tag int, s text);"
      "insert into ids " +
      numbers +
      "select i * 3 - 1500, i, hex(i) from n;"
      "create table keys(a text collate nocase, b int, tag int, primary key(a, b)) "
      "without rowid; insert into keys " +
      numbers +
      "select 'a', i, i from n;"
      "create table nameless(rowid blob, _rowid_ blob, oid blob, tag int);"
      "insert into nameless " +
      numbers +
      "select x'00', x'00', x'00', i from n;"
      "create virtual table words using fts5(tag); insert into words " +
      numbers + "select i from n");
  options_.wal_budget_bytes = 0;
  options_.readers = 4;
  Open();
  std::vector<std::string> names = {"ids", "keys", "nameless", "words"};
  std::vector<std::unique_ptr<BatchStream>> streams;
  std::vector<Batches> batches(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    streams.push_back(ReadWhole(Inspect(names[i]).table));
    for (int n = 0; n < 3; ++n) batches[i].push_back(Get(streams[i]->Next()));
  }
  file_.Execute(
      "update ids set tag = 0; delete from keys; delete from nameless;"
      "delete from words; drop table keys");
  EXPECT_NE(LogIsHeld(), 0);
  for (std::size_t i = 0; i < names.size(); ++i) batches[i].push_back(Get(streams[i]->Next()));
  EXPECT_EQ(LogIsHeld(), 0);
  EXPECT_TRUE(IsTempDirEmpty()) << "the copy needs no name";
  for (std::size_t i = 0; i < names.size(); ++i) {
    test::AppendAll(*streams[i], batches[i]);
    if (names[i] == "words") continue;
    EXPECT_EQ(IntsOf(batches[i], "tag"), OneToThousand()) << names[i];
  }
  std::int64_t words = 0;
  for (const auto& batch : batches[3]) words += batch->num_rows();
  EXPECT_EQ(words, 1000);
  // What was not read before is the same state too.
  EXPECT_EQ(IntsOf(ReadAll(Inspect("keys").table), "tag"), OneToThousand());
}

// As long as the log stays within its budget nothing is copied.
TEST_F(SnapshotTest, StaysWithTheLogWithinItsBudget) {
  file_.Execute(std::string("pragma journal_mode = wal; create table t(id integer primary key);") +
                "insert into t " + kNumbers + "select i from n");
  Open();
  auto stream = ReadWhole(Inspect("t").table);
  Get(stream->Next());
  file_.Execute("delete from t");
  Get(stream->Next());
  EXPECT_NE(LogIsHeld(), 0);
}

// Changes that were given before the move are not given again, and none is left out.
TEST_F(SnapshotTest, MovesToACopyInTheMiddleOfChanges) {
  file_.Execute("pragma journal_mode = wal; create table t(id integer primary key, tag int)");
  Track();
  file_.Execute(std::string("insert into t ") + kNumbers + "select i, i from n");
  options_.wal_budget_bytes = 0;
  Open();
  auto status = Inspect("t");
  auto stream = Get(snapshot_->Changes(status.table, 0));
  Batches batches = {Get(stream->Next())};
  file_.Execute("update t set tag = -1; delete from t where id > 500");
  test::AppendAll(*stream, batches);
  EXPECT_EQ(IntsOf(batches, "tag"), OneToThousand());
  EXPECT_EQ(LogIsHeld(), 0);
}

// A failing copy is told, and the same batch can be asked for again.
TEST_F(SnapshotTest, TellsThatTheCopyFailed) {
  file_.Execute("pragma journal_mode = delete; create table t(id integer primary key)");
  Open();
  std::vector<ReadPlan> plans = {{.table = Inspect("t").table, .since_version = std::nullopt}};
  for (const char* point : {"copy_before=error", "copy_after=error"}) {
    Get(ArmFailpoint(point));
    EXPECT_FALSE(snapshot_->Prepare(plans).has_value()) << point;
    EXPECT_TRUE(IsTempDirEmpty()) << point;
  }
  Get(ArmFailpoint(""));
  Get(snapshot_->Prepare(plans));
  EXPECT_THAT(ReadAll(plans[0].table), IsEmpty());
}

// With a rollback journal our lock keeps writers out until Prepare, and not a moment longer.
TEST_F(SnapshotTest, LetsWritersInAfterPrepare) {
  file_.Execute("create table t(id integer primary key, tag int); insert into t values (1, 1)");
  for (bool is_load : {true, false}) {
    Open();
    auto table = Inspect("t").table;
    EXPECT_EQ(file_.Try("update t set tag = 2"), SQLITE_BUSY);
    if (is_load) {
      Prepare({{.table = table, .since_version = std::nullopt}});
    } else {
      Prepare({});
    }
    EXPECT_EQ(file_.Try("update t set tag = 2"), SQLITE_OK);
    file_.Execute("update t set tag = 1");
    EXPECT_TRUE(IsTempDirEmpty());
    if (!is_load) continue;
    EXPECT_THAT(IntsOf(ReadAll(table), "tag"), ElementsAre(1));
  }
}

// Changes alone are kept aside: no copy, and what is committed later is not among them.
TEST_F(SnapshotTest, KeepsChangesAside) {
  file_.Execute("create table t(id integer primary key, tag int, s text)");
  Track();
  file_.Execute(std::string("insert into t ") + kNumbers +
                "select i, i, printf('%.5000c', 'x') from n");
  options_.memory_bytes = 0;  // most of it goes to a file
  Open();
  auto table = Inspect("t").table;
  Prepare({{.table = table, .since_version = 0}});
  EXPECT_TRUE(IsTempDirEmpty()) << "the file needs no name";
  file_.Execute("delete from t");
  for (int time = 0; time < 2; ++time)
    EXPECT_EQ(IntsOf(ReadChanges(table, 0), "tag"), OneToThousand());
}

// A change that does not fit leads to a copy, in which the table can be refitted and read.
TEST_F(SnapshotTest, CopiesWhenAChangeDoesNotFit) {
  file_.Execute("create table t(id integer primary key, tag int)");
  Track();
  file_.Execute("insert into t values (1, 5), (2, 'many')");
  Open();
  auto table = Inspect("t").table;
  Prepare({{.table = table, .since_version = 0}});
  file_.Execute("delete from t");
  auto stream = Get(snapshot_->Changes(table, 0));
  auto batch = stream->Next();
  ASSERT_FALSE(batch.has_value());
  EXPECT_EQ(batch.error().kind, ErrorKind::kMisfit);
  auto refitted = Get(snapshot_->Refit(table));
  EXPECT_NE(refitted.columns[1].type->ToString(), table.columns[1].type->ToString());
  EXPECT_EQ(test::TextsOf(ReadAll(refitted)).size(), 2u);
}

// The position of a table moves with its changes, and an idle table says so without being looked
// at.
TEST_F(SnapshotTest, TellsThePosition) {
  file_.Execute("create table t(id integer primary key); create table u(id integer primary key)");
  Open();
  EXPECT_EQ(Inspect("t").min_valid_version, std::nullopt);
  EXPECT_THAT(Inspect("t").untracked_because, HasSubstr("track enable"));
  snapshot_.reset();
  auto before = Get(source_->Identity());
  Track();
  auto identity = Get(source_->Identity());
  EXPECT_THAT(before, testing::StartsWith("- /"));
  EXPECT_NE(identity, before);
  Open();
  auto first = Inspect("t");
  ASSERT_TRUE(first.min_valid_version.has_value()) << first.untracked_because;
  Prepare({});
  file_.Execute("insert into t values (1)");
  Open();
  EXPECT_GT(Inspect("t", &first.current).current.version, first.current.version);
  EXPECT_EQ(Inspect("t", &first.current).history, History::kSame);
  Prepare({});
  std::filesystem::rename(path_, folder_.path() + "/moved.db");
  auto moved = Get(OpenSource(folder_.path() + "/moved.db", options_));
  EXPECT_EQ(Get(moved->Identity()).substr(0, 16), identity.substr(0, 16));
}

// What a table looks like to the rest of the program.
TEST_F(SnapshotTest, DescribesTables) {
  file_.Execute(
      "create table t(b Varchar(10), a INTEGER, c, primary key(a, b));"
      "create table taken(id int, sys_change_version int);"
      "create virtual table gone using fts5(x); pragma writable_schema = on;"
      "update sqlite_schema set sql = replace(sql, 'fts5', 'nosuch') "
      "where name = 'gone'; pragma writable_schema = reset;"
      "create table big(id integer primary key, s text);"
      "create table flat(k text primary key, s text) without rowid;"
      "create table few(k text primary key) without rowid; insert into few values ('a'), ('b');"
      "create virtual table words using fts5(x)");
  file_.Execute(std::string("insert into flat ") + kNumbers + "select 'key ' || i, i from n");
  file_.Execute(std::string("insert into big ") + kNumbers + "select i * 1000000, i from n");
  Open();
  auto status = Inspect("t");
  EXPECT_EQ(status.unsupported_because, "");
  EXPECT_THAT(status.table.key, ElementsAre("a", "b"));
  EXPECT_EQ(status.table.columns[0].source_type, "varchar(10)");
  EXPECT_EQ(status.table.columns[2].source_type, "");
  EXPECT_THAT(Inspect("taken").unsupported_because, HasSubstr("sys_change_version"));
  EXPECT_THAT(Inspect("gone").unsupported_because, HasSubstr("module"));
  auto estimate = Inspect("big").table.estimated_rows;
  EXPECT_TRUE(estimate > 100 && estimate < 10'000) << estimate;
  estimate = Inspect("flat").table.estimated_rows;
  EXPECT_TRUE(estimate > 100 && estimate < 10'000) << estimate;
  EXPECT_EQ(Inspect("few").table.estimated_rows, 2);
  EXPECT_TRUE(Inspect("flat").has_estimate);
  EXPECT_FALSE(Inspect("words").has_estimate);
}

// A fingerprint tells every change of a table's meaning, and nothing else.
TEST_F(SnapshotTest, FingerprintsTheMeaning) {
  auto fingerprint = [&](const std::string& sql) {
    snapshot_.reset();
    file_.Execute("drop table if exists t; " + sql);
    Open();
    return Inspect("t").table.fingerprint;
  };
  auto base = fingerprint("create table t(a int primary key, b text)");
  EXPECT_EQ(fingerprint("create table  t (a INT primary key, b text, check(a > 0))"), base);
  for (const char* other :
       {"create table t(a int primary key, c text)", "create table t(a int primary key, b blob)",
        "create table t(a int, b text)", "create table t(a int, b text, primary key(a, b))",
        "create table t(a int primary key, b text) without rowid",
        "create table t(a int primary key, b text collate nocase)",
        "create table t(a int primary key, b text as (a))"}) {
    EXPECT_NE(fingerprint(other), base) << other;
  }
}

// A token comes back as the range it was made of, whatever the key holds.
TEST(SliceToken, RoundTrips) {
  std::vector<RowRange> ranges = {
      RowRange(), RowidRange{.first = INT64_MIN, .last = -1},
      KeyRange{.after = {std::int64_t{1}, 0.1, std::string("a\0\xff\"", 4), Blob{"\x01"}},
               .up_to = {}}};
  for (const auto& range : ranges) {
    auto again = Get(ParseToken(TokenOf(range)));
    EXPECT_EQ(again.index(), range.index());
    EXPECT_EQ(TokenOf(again), TokenOf(range));
  }
}

class OpenTest : public testing::Test {
 protected:
  OpenTest() : path_(folder_.path() + "/shop.db") {}
  Error FailToOpen() {
    auto source = OpenSource(path_, options_);
    EXPECT_FALSE(source.has_value());
    return source ? Error{ErrorKind::kInternal, "", ""} : source.error();
  }
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_.path() + "/" + name, std::ios::binary) << bytes;
  }
  std::string Bytes(const std::string& name) {
    std::ifstream file(folder_.path() + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  test::TempFolder folder_;
  std::string path_;
  SourceOptions options_;
};

TEST_F(OpenTest, MissesTheFile) {
  auto error = FailToOpen();
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_THAT(error.message, HasSubstr("shop.db"));
}

TEST_F(OpenTest, RefusesAFolder) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(FailToOpen().kind, ErrorKind::kInvalid);
}

TEST_F(OpenTest, RefusesWhatIsNoDatabase) {
  Write("shop.db", std::string(5000, 'x'));
  auto error = FailToOpen();
  EXPECT_EQ(error.kind, ErrorKind::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("shop.db"));
  EXPECT_NE(error.hint, "");
}

// An empty file is a database without tables to SQLite, and so to us.
TEST_F(OpenTest, AcceptsAnEmptyFile) {
  Write("shop.db", "");
  auto source = Get(OpenSource(path_, options_));
  EXPECT_THAT(Get(source->ListTables()), IsEmpty());
}

TEST_F(OpenTest, TellsThatTheDatabaseIsLocked) {
  SqliteFile file(path_);
  file.Execute("create table t(x); begin exclusive");
  options_.lock_timeout_ms = 10;
  auto error = FailToOpen();
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_THAT(error.hint, HasSubstr("--lock-timeout"));
}

// A journal that a dead program left must be rolled back, which is not for a reader to do.
TEST_F(OpenTest, TellsThatAJournalMustBeRolledBack) {
  {
    SqliteFile file(path_);
    file.Execute(
        "create table t(x); insert into t values (zeroblob(100000));"
        "pragma cache_size = 1; pragma cache_spill = 1; begin; "
        "update t set x = randomblob(100000)");
    std::filesystem::copy_file(path_, folder_.path() + "/dead.db");
    std::filesystem::copy_file(path_ + "-journal", folder_.path() + "/dead.db-journal");
  }
  path_ = folder_.path() + "/dead.db";
  auto error = FailToOpen();
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("rolled back"));
}

// Files of dead processes go, those of living ones and of others stay.
TEST_F(OpenTest, RemovesWhatDeadProcessesLeft) {
  SqliteFile file(path_);
  file.Execute("create table t(x)");
  pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(dead, nullptr, 0), dead);
  auto left_over = "tidemark-" + std::to_string(dead) + "-copy-abcdef";
  auto living = "tidemark-" + std::to_string(::getpid()) + "-copy-abcdef";
  for (const auto& name : {left_over, living, std::string("tidemark-notes")}) Write(name, "x");
  Get(Get(OpenSource(path_, options_))->OpenSnapshot(folder_.path()));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/" + left_over));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/" + living));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/tidemark-notes"));
}

// Text of other encodings reaches us as UTF-8.
TEST_F(OpenTest, ReadsOtherEncodings) {
  SqliteFile file(path_);
  file.Execute(
      "pragma encoding = 'UTF-16le'; create table \"größe\"(\"é\" text);"
      "insert into \"größe\" values ('süß')");
  auto source = Get(OpenSource(path_, options_));
  auto snapshot = Get(source->OpenSnapshot(folder_.path()));
  auto table = Get(snapshot->Inspect({"shop", "main", "größe"}, nullptr)).table;
  std::vector<ReadPlan> plans = {{.table = table, .since_version = std::nullopt}};
  Get(snapshot->Prepare(plans));
  Batches batches;
  test::AppendAll(*Get(snapshot->Read(table, Get(snapshot->Split(table, 10))[0])), batches);
  EXPECT_THAT(test::TextsOf(batches), ElementsAre("süß|"));
}

// '2024-01-01 00:00:00' and '2024-01-01T00:00:00' are two keys, and would be one time.
TEST_F(SnapshotTest, TimesInAKeyAreText) {
  file_.Execute("create table visits(at datetime primary key, left_at datetime)");
  Open();
  auto table = Inspect("visits").table;
  EXPECT_TRUE(table.columns[0].type->Equals(arrow::utf8()));
  EXPECT_EQ(table.columns[1].type->id(), arrow::Type::TIMESTAMP);
}

}  // namespace
}  // namespace tidemark::sqlite
