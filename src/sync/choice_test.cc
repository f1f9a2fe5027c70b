#include "sync/choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fold/fold.h"
#include "object/memory.h"
#include "source/sqlite/tracking.h"
#include "sync/hash_values.h"
#include "sync/survey.h"
#include "tests/support/read_rows.h"
#include "tests/support/sqlite_file.h"
#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

using test::Get;
using test::SqliteFile;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSecret = "a secret of the tests";

// HMACs of an independent implementation.
constexpr const char* kInt42 = "8047407967dadbc270d7b68889806f24c92c6b91489a0ea138f6876da288e440";
constexpr const char* kReal1_5 = "ba764c5c2666ffc5801191063ca1663e48c863013c43edd9a3f998b7e3609e3f";
constexpr const char* kText42 = "f62425e32077b00202fd28c3ec1f88a6911f66dcb35164a6ae19b4b6a8b45807";
constexpr const char* kBytes42 = "50458949717e840e6c22fdae4bc203584c40d140aa67ee245134f5621966c669";
constexpr const char* kIntMin = "9c1c4536fe0c473d97f45201451bb23ada59c874c664a0150e966991cfc85df4";
constexpr const char* kNoText = "d807faf0f341186e4fb939e0b859d7b34156d8b9a2b32ae7fcb25fb0965958f6";

std::vector<std::string> HashesOf(const arrow::Array& values,
                                  const arrow::Array* classes = nullptr) {
  auto hashes = Get(ValueHash(kSecret).Of(values, classes));
  std::vector<std::string> texts;
  for (std::int64_t i = 0; hashes && i < hashes->length(); ++i)
    texts.push_back(
        hashes->IsNull(i) ? "NULL" : static_cast<const arrow::StringArray&>(*hashes).GetString(i));
  return texts;
}

template <class Builder, class... Values>
std::shared_ptr<arrow::Array> ArrayOf(Values... values) {
  Builder builder;
  (builder.Append(values).ok() && ...);
  EXPECT_TRUE(builder.AppendNull().ok());
  return builder.Finish().ValueOrDie();
}

TEST(ValueHash, OneValueHasOneHashWhateverItsColumn) {
  auto integers = ArrayOf<arrow::Int64Builder>(42, std::numeric_limits<std::int64_t>::min());
  EXPECT_THAT(HashesOf(*integers), ElementsAre(kInt42, kIntMin, "NULL"));
  auto reals = ArrayOf<arrow::DoubleBuilder>(42.0, 1.5, -9223372036854775808.0);
  EXPECT_THAT(HashesOf(*reals), ElementsAre(kInt42, kReal1_5, kIntMin, "NULL"));
  EXPECT_THAT(HashesOf(*ArrayOf<arrow::StringBuilder>("42", "")),
              ElementsAre(kText42, kNoText, "NULL"));
  EXPECT_THAT(HashesOf(*ArrayOf<arrow::BinaryBuilder>("42")), ElementsAre(kBytes42, "NULL"));
  auto stored = ArrayOf<arrow::BinaryBuilder>("42", "42.0", "1.5", "42", "42");
  auto classes = ArrayOf<arrow::StringBuilder>("integer", "real", "real", "text", "blob");
  EXPECT_THAT(HashesOf(*stored, classes.get()),
              ElementsAre(kInt42, kInt42, kReal1_5, kText42, kBytes42, "NULL"));
}

TEST(ValueHash, TypeWithoutAFormIsRefused) {
  auto refused = ValueHash(kSecret).Of(*ArrayOf<arrow::Date32Builder>(1), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
}

TEST(NearestNames, OnesThatLookAlike) {
  EXPECT_THAT(NearestNames("emial", {"id", "email", "mail", "created"}), ElementsAre("email"));
  EXPECT_THAT(NearestNames("TOTL", {"id", "total"}), ElementsAre("total"));
  EXPECT_TRUE(NearestNames("nothing", {"id", "total"}).empty());
}

class ChoiceTest : public testing::Test {
 protected:
  ChoiceTest() : path_(folder_.path() + "/shop.db"), file_(path_) {
    file_.Execute(
        "pragma journal_mode = wal; create table t(id integer primary key, Region text, mail text,"
        " total real);"
        "insert into t values "
        "(1,'EU','a@x',1.5),(2,'US','b@x',2),(3,'EU',null,3),(4,'US','d@x',4)");
    options_.workers = 2;
    options_.hash_key = kSecret;
  }
  TableSettings& settings() { return options_.table_settings["main.t"]; }
  void Track() { Get(sqlite::EnableTracking(path_, {})); }

  Result<SyncReport> TrySync() {
    auto source = Get(OpenSource(path_, {}));
    return Sync(*source, store_, options_);
  }
  TableReport SyncOne() {
    auto report = Get(TrySync());
    EXPECT_EQ(report.tables.size(), 1u);
    auto table = report.tables.empty() ? TableReport() : report.tables.front();
    EXPECT_FALSE(table.error) << table.error->message;
    return table;
  }
  // Of verify, which reads the files back.
  void ExpectEqual() {
    auto source = Get(OpenSource(path_, {}));
    auto report = Get(Verify(*source, store_, options_));
    for (const auto& table : report.tables) {
      EXPECT_TRUE(table.is_equal())
          << (table.error ? table.error->message : "") << " missing " << table.missing << " extra "
          << table.extra << " different " << table.different;
      rows_ = table.rows_landed;
    }
  }
  LandedState State() {
    return Get(ParseState(Get(store_.Get("_tidemark/state/shop/main/t.json")).bytes));
  }
  std::vector<std::string> Columns() {
    std::vector<std::string> names;
    for (const auto& column : State().columns) names.push_back(column.name);
    return names;
  }
  // Whether any object but the state's holds the bytes; files are not compressed.
  bool AnythingHolds(const std::string& bytes) {
    for (const auto& object : Get(store_.List("", "", 1000)))
      if (Get(store_.Get(object.key)).bytes.find(bytes) != std::string::npos) return true;
    return false;
  }

  test::TempFolder folder_;
  std::string path_;
  SqliteFile file_;
  MemoryStore store_;
  SyncOptions options_;
  std::int64_t rows_ = 0;
};

TEST_F(ChoiceTest, OnlyChosenColumnsAndTheKey) {
  settings().columns = {"TOTAL"};
  EXPECT_EQ(SyncOne().rows, 4);
  EXPECT_THAT(Columns(), ElementsAre("id", "total"));
  ExpectEqual();
  settings() = {.exclude = {"Mail", "id"}};
  auto table = SyncOne();
  EXPECT_EQ(table.reason, Reason::kConfigChanged);
  EXPECT_THAT(table.warnings, ElementsAre(HasSubstr("part of the key")));
  EXPECT_THAT(Columns(), ElementsAre("id", "Region", "total"));
  ExpectEqual();
}

TEST_F(ChoiceTest, UnknownColumnIsOneErrorBeforeAnythingIsRead) {
  settings().exclude = {"mial"};
  auto failed = TrySync();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(failed.error().message, HasSubstr("main.t"));
  EXPECT_THAT(failed.error().message, HasSubstr("\"mial\""));
  EXPECT_THAT(failed.error().hint, HasSubstr("mail"));
  EXPECT_TRUE(Get(store_.List("", "", 10)).empty());
}

// The source's fault, not the configuration's: the other tables go on.
TEST_F(ChoiceTest, ChosenColumnThatWasDroppedFailsItsTableAlone) {
  settings().columns = {"mail"};
  SyncOne();
  file_.Execute("alter table t drop column mail; create table u(id integer primary key)");
  auto report = Get(TrySync());
  ASSERT_EQ(report.tables.size(), 2u);
  EXPECT_EQ(report.tables[0].outcome, TableOutcome::kFailed);
  EXPECT_EQ(report.tables[1].outcome, TableOutcome::kOk);
}

TEST_F(ChoiceTest, FilterIsFollowedByLoadChangesAndVerify) {
  Track();
  settings().where = "region = 'EU'";
  EXPECT_EQ(SyncOne().rows, 2);
  ExpectEqual();
  EXPECT_EQ(rows_, 2);
  // One row leaves, one enters, one is touched outside, one comes, one goes.
  file_.Execute(
      "update t set region = 'US' where id = 1; update t set region = 'EU' where id = 2;"
      "insert into t values (5, 'EU', 'e@x', 5), (6, 'US', 'f@x', 6); delete from t where id = 3");
  auto table = SyncOne();
  EXPECT_EQ(table.reason, Reason::kChanges);
  ExpectEqual();
  EXPECT_EQ(rows_, 2);
  settings().where = "region = 'US'";
  table = SyncOne();
  EXPECT_EQ(table.reason, Reason::kConfigChanged);
  EXPECT_EQ(table.deleted, 2);
  ExpectEqual();
  EXPECT_EQ(rows_, 3);
}

TEST_F(ChoiceTest, FilterOfAnUntrackedTableIsComparedBy) {
  settings().where = "total > 1.75";
  EXPECT_EQ(SyncOne().rows, 3);
  file_.Execute("update t set total = 0 where id = 2; update t set total = 10 where id = 1");
  auto table = SyncOne();
  EXPECT_EQ(table.inserted, 1);
  EXPECT_EQ(table.deleted, 1);
  ExpectEqual();
}

TEST_F(ChoiceTest, HashedKeyAndColumnInLoadChangesAndVerify) {
  Track();
  options_.encoding.codec = Codec::kNone;
  settings().hash = {"ID", "mail"};
  EXPECT_EQ(SyncOne().rows, 4);
  ExpectEqual();
  file_.Execute(
      "update t set mail = 'z@x' where id = 2; delete from t where id = 3;"
      "insert into t values (42, 'EU', '42', 0); update t set id = 40 where id = 4");
  auto table = SyncOne();
  EXPECT_EQ(table.reason, Reason::kChanges);
  ExpectEqual();
  EXPECT_EQ(rows_, 4);
  EXPECT_TRUE(AnythingHolds(kInt42));
  EXPECT_TRUE(AnythingHolds(kText42));
  for (const char* plain : {"a@x", "b@x", "d@x", "z@x", kSecret})
    EXPECT_FALSE(AnythingHolds(plain)) << plain;
}

TEST_F(ChoiceTest, ValuesOfAnyClassAreHashedWithoutWidening) {
  file_.Execute(
      "create table u(id integer primary key, v integer);"
      "insert into u values (1, 42), (2, 1.5), (3, '42x'), (4, x'00'), (5, null);"
      "drop table t");
  Get(sqlite::EnableTracking(path_, {}));
  options_.table_settings["main.u"].hash = {"v"};
  auto table = SyncOne();
  EXPECT_EQ(table.reason, Reason::kFirstLoad);
  EXPECT_TRUE(table.warnings.empty());
  file_.Execute("insert into u values (6, 'text')");
  EXPECT_EQ(SyncOne().reason, Reason::kChanges);
  ExpectEqual();
}

TEST_F(ChoiceTest, HashingAnewReplacesPlainValues) {
  options_.encoding.codec = Codec::kNone;
  SyncOne();
  EXPECT_TRUE(AnythingHolds("a@x"));
  settings().hash = {"mail"};
  EXPECT_EQ(SyncOne().reason, Reason::kConfigChanged);
  EXPECT_FALSE(AnythingHolds("a@x"));
  ExpectEqual();
  options_.hash_key = "another key of the tests";
  EXPECT_EQ(SyncOne().reason, Reason::kConfigChanged);
  ExpectEqual();
  EXPECT_EQ(SyncOne().reason, Reason::kNoChanges);
}

TEST_F(ChoiceTest, HashWithoutAKeyIsRefused) {
  options_.hash_key.clear();
  settings().hash = {"mail"};
  auto failed = TrySync();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(failed.error().message, HasSubstr("no key"));
}

TEST_F(ChoiceTest, VerifyOfOtherSettingsSaysSo) {
  SyncOne();
  settings().where = "id > 1";
  auto source = Get(OpenSource(path_, {}));
  auto report = Get(Verify(*source, store_, options_));
  ASSERT_EQ(report.tables.size(), 1u);
  ASSERT_TRUE(report.tables[0].error);
  EXPECT_THAT(report.tables[0].error->message, HasSubstr("settings changed"));
}

TEST_F(ChoiceTest, KeylessTableIsFollowedToo) {
  file_.Execute(
      "create table log(line text, at integer); drop table t;"
      "insert into log values ('a', 1), ('a', 1), ('b', 2)");
  options_.table_settings["main.log"] = {.hash = {"line"}, .where = "at < 2"};
  EXPECT_EQ(SyncOne().rows, 2);
  EXPECT_EQ(SyncOne().reason, Reason::kNoChanges);
  ExpectEqual();
  file_.Execute("update log set at = 0");
  EXPECT_EQ(SyncOne().rows, 3);
  ExpectEqual();
}

TEST_F(ChoiceTest, NotWalTableIsSpooledAndCopiedAlike) {
  file_.Execute("pragma journal_mode = delete");
  Track();
  settings() = {.exclude = {"total"}, .hash = {"id", "mail"}, .where = "region <> 'US'"};
  EXPECT_EQ(SyncOne().rows, 2);
  file_.Execute("update t set region = 'EU'");
  EXPECT_EQ(SyncOne().reason, Reason::kChanges);
  ExpectEqual();
  EXPECT_EQ(rows_, 4);
}

TEST_F(ChoiceTest, ConditionMustBeOneExpressionOverTheRow) {
  file_.Execute("create table one(x); insert into one values (1)");
  options_.include = {"main.t"};
  struct Case {
    const char* where;
    const char* says;
  };
  for (auto [where, says] : {Case{"region = 'EU'; drop table t", "';'"},
                             Case{"1) or (1", "closes nothing"},
                             Case{"(region = 'EU'", "never closed"},
                             Case{"region = 'EU", "never closed"},
                             Case{"1 -- )", "comments"},
                             Case{"1 /* ", "comments"},
                             Case{"regoin = 'EU'", "regoin"},
                             Case{"\"regoin\" = 'EU'", "regoin"},
                             Case{"id in (select 1)", "subqueries"},
                             Case{"exists(select 1 from t)", "subqueries"},
                             Case{"id in one", "subqueries"},
                             Case{"id = ?", "parameter"},
                             Case{"id = :a", "parameter"},
                             Case{"count(*) > 1", "count"},
                             Case{"random() > 0", "random"},
                             Case{"total > julianday('NOW')", "present time"},
                             Case{"total > julianday( )", "present time"},
                             Case{"total > current_date", "current_date"},
                             Case{"1 limit 1", "limit"},
                             Case{"   ", "syntax"},
                             Case{"id = 1, id = 2", "row value"}}) {
    settings().where = where;
    auto failed = TrySync();
    ASSERT_FALSE(failed) << where;
    EXPECT_EQ(failed.error().kind, ErrorKind::kInvalid) << where;
    EXPECT_THAT(failed.error().message, HasSubstr(says)) << where;
  }
  EXPECT_TRUE(Get(store_.List("", "", 10)).empty());
  for (const char* where : {"[Region] in ('EU', ')') and date('2024-01-01') < 'x--y;'",
                            "mail like '%now%' or (id between 1 and 3)", "rowid > 0"}) {
    settings().where = where;
    EXPECT_EQ(SyncOne().outcome, TableOutcome::kOk) << where;
    ExpectEqual();
  }
}

}  // namespace
}  // namespace tidemark
