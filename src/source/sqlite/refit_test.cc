#include "source/sqlite/refit.h"

#include <gtest/gtest.h>

#include "source/sqlite/rows_testing.h"

namespace tidemark::sqlite::testing {
namespace {

struct Case {
  const char* declared;
  const char* values;  // rows of VALUES
  std::shared_ptr<arrow::DataType> type;
  bool has_class;
};

// What a column becomes for the values it holds.
TEST(Refit, NarrowestThatHoldsAll) {
  const Case kCases[] = {{"int", "(1),(2)", arrow::int64(), false},
                         {"int", "(1),(2.5)", arrow::float64(), false},
                         {"int", "(9007199254740993),(2.5)", arrow::utf8(), true},
                         {"int", "(1),('x')", arrow::utf8(), true},
                         {"int", "(1),(x'00')", arrow::binary(), true},
                         {"boolean", "(1),(0),(null)", arrow::boolean(), false},
                         {"boolean", "(1),(2)", arrow::int64(), false},
                         {"date", "('2024-01-01')", arrow::date32(), false},
                         {"date", "('2024-01-01'),('soon')", arrow::utf8(), true},
                         {"date", "(20240101)", arrow::int64(), false},
                         {"text", "('a'),(cast(x'ff' as text))", arrow::binary(), true},
                         {"blob", "(x'00'),('a')", arrow::binary(), true},
                         {"", "('a'),('b')", arrow::utf8(), false},
                         {"", "(x'00')", arrow::binary(), false},
                         {"", "(1),('b')", arrow::utf8(), true},
                         {"decimal(5,2)", "(1),(2.25)", arrow::float64(), false},
                         {"real", "(1.5),('a')", arrow::utf8(), true}};
  for (const auto& c : kCases) {
    Scratch scratch;
    scratch.Execute(std::string("create table t(c ") + c.declared + "); insert into t values " +
                    c.values);
    auto connection = scratch.Open();
    auto catalog = ReadCatalogTable(connection, "t");
    ASSERT_TRUE(catalog);
    auto fitted = Refit(connection, *catalog, TableOf(*catalog));
    ASSERT_TRUE(fitted) << fitted.error().message;
    EXPECT_TRUE(fitted->columns[0].type->Equals(c.type))
        << c.declared << " " << c.values << ": " << fitted->columns[0].type->ToString();
    EXPECT_EQ(fitted->columns.size(), c.has_class ? 2u : 1u) << c.declared << " " << c.values;
    auto again = Refit(connection, *catalog, *fitted);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->columns.size(), fitted->columns.size());
    auto stream = OpenSqlRows(connection, {&*catalog, &*fitted, std::monostate(), {}, {}});
    ASSERT_TRUE(stream);
    EXPECT_TRUE(Drain(**stream)) << c.declared << " " << c.values;
  }
}

// A class column would name no column: the one without a name stays plain, or the table says so.
TEST(Refit, ColumnWithoutAName) {
  Scratch scratch;
  scratch.Execute("create table t(\"\", b blob); insert into t values (1.5, x'00')");
  auto connection = scratch.Open();
  auto catalog = ReadCatalogTable(connection, "t");
  auto fitted = Refit(connection, *catalog, TableOf(*catalog));
  ASSERT_TRUE(fitted) << fitted.error().message;
  EXPECT_EQ(fitted->columns.size(), 2u);
  EXPECT_TRUE(fitted->columns[0].type->Equals(arrow::float64()));
  scratch.Execute("insert into t values ('a', null)");
  auto refused = Refit(connection, *catalog, TableOf(*catalog));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
}

// A key that cannot tell rows apart is given up, and the table says so.
TEST(Refit, ClearsKeys) {
  for (const char* values : {"(null),(1)", "(1),('a')", "('a'),(x'00')"}) {
    Scratch scratch;
    scratch.Execute(std::string("create table t(k blob primary key); insert into t values ") +
                    values);
    auto connection = scratch.Open();
    auto catalog = ReadCatalogTable(connection, "t");
    auto fitted = Refit(connection, *catalog, TableOf(*catalog));
    ASSERT_TRUE(fitted);
    EXPECT_TRUE(fitted->key.empty()) << values;
    EXPECT_EQ(fitted->warnings.size(), 1u);
  }
  Scratch scratch;
  scratch.Execute("create table t(k int primary key); insert into t values ('a'), ('b')");
  auto connection = scratch.Open();
  auto catalog = ReadCatalogTable(connection, "t");
  auto fitted = Refit(connection, *catalog, TableOf(*catalog));
  ASSERT_TRUE(fitted);
  EXPECT_EQ(fitted->key, std::vector<std::string>{"k"});
  EXPECT_TRUE(fitted->columns[0].type->Equals(arrow::utf8()));
  EXPECT_EQ(fitted->columns.size(), 1u);
}

// The name of the class column must be free.
TEST(Refit, RefusesATakenName) {
  Scratch scratch;
  scratch.Execute("create table t(c int, C__TYPE text); insert into t values (1, ''), ('x', '')");
  auto connection = scratch.Open();
  auto catalog = ReadCatalogTable(connection, "t");
  auto fitted = Refit(connection, *catalog, TableOf(*catalog));
  ASSERT_FALSE(fitted);
  EXPECT_EQ(fitted.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(fitted.error().message.find("c__type"), std::string::npos);
}

// Tables without rowids: every boundary, with the table's own collation, covers each row once.
TEST(SqlRows, KeyRanges) {
  Scratch scratch;
  scratch.Execute(
      "create table t(a text collate nocase, b int, v text, primary key(a, b)) without rowid;"
      "insert into t values ('b',1,'1'),('A',2,'2'),('a',1,'3'),('B',2,'4'),('c',-1,'5')");
  auto connection = scratch.Open();
  auto catalog = ReadCatalogTable(connection, "t");
  auto table = TableOf(*catalog);
  RowRequest request{&*catalog, &table, std::monostate(), {.rows = 1}, {}};
  auto stream = OpenSqlRows(connection, request);
  ASSERT_TRUE(stream);
  std::int64_t seen = 0;
  while (true) {
    auto batch = (*stream)->Next();
    ASSERT_TRUE(batch);
    if (!*batch) break;
    ++seen;
    auto rest = RangeBehind(request.range, (*stream)->position());
    ASSERT_TRUE(rest);
    auto behind = request;
    behind.range = *rest;
    auto after = OpenSqlRows(connection, behind);
    ASSERT_TRUE(after);
    auto batches = Drain(**after);
    ASSERT_TRUE(batches);
    EXPECT_EQ(RowsOf(*batches), 5 - seen);
    KeyRange up_to{{}, (*stream)->position().key};
    behind.range = up_to;
    auto before = OpenSqlRows(connection, behind);
    ASSERT_TRUE(before);
    EXPECT_EQ(RowsOf(*Drain(**before)), seen);
  }
  EXPECT_EQ(seen, 5);
}

// Asked to stop, a stream ends at the next batch.
TEST(SqlRows, Stops) {
  Scratch scratch;
  scratch.Execute("create table t(a int); insert into t values (1),(2)");
  auto connection = scratch.Open();
  auto catalog = ReadCatalogTable(connection, "t");
  auto table = TableOf(*catalog);
  std::stop_source stop;
  auto stream =
      OpenSqlRows(connection, {&*catalog, &table, std::monostate(), {.rows = 1}, stop.get_token()});
  ASSERT_TRUE(stream);
  ASSERT_TRUE((*stream)->Next());
  stop.request_stop();
  auto stopped = (*stream)->Next();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

}  // namespace
}  // namespace tidemark::sqlite::testing
