#include "source/sqlite/btree.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "source/sqlite/rows_testing.h"

namespace tidemark::sqlite::testing {
namespace {

Batches BySql(Connection& connection, const RowRequest& request) {
  auto stream = OpenSqlRows(connection, request);
  EXPECT_TRUE(stream) << stream.error().message;
  auto batches = Drain(**stream);
  EXPECT_TRUE(batches) << batches.error().message;
  return batches ? *batches : Batches();
}

Batches ByPages(PageReader& reader, const RowRequest& request) {
  auto stream = OpenPageRows(reader, request);
  EXPECT_TRUE(stream) << stream.error().message;
  auto batches = Drain(**stream);
  EXPECT_TRUE(batches) << batches.error().message;
  return batches ? *batches : Batches();
}

// Every value rendered by SQLite's columns alone, the oracle of both ways.
void ExpectMatchesColumns(Connection& connection, const CatalogTable& catalog,
                          const Batches& batches) {
  auto select =
      connection.Prepare("select * from main." + QuoteIdentifier(catalog.name) + " order by rowid");
  ASSERT_TRUE(select);
  for (const auto& batch : batches)
    for (std::int64_t row = 0; row < batch->num_rows(); ++row) {
      ASSERT_TRUE(*select->Step());
      for (int i = 0, column = 0; i < static_cast<int>(catalog.columns.size()); ++i, ++column) {
        const auto& array = *batch->column(column);
        auto name = batch->schema()->field(column)->name();
        ASSERT_EQ(array.IsNull(row), select->IsNull(i)) << name << " row " << row;
        bool has_class = column + 1 < batch->num_columns() &&
                         batch->schema()->field(column + 1)->name() == name + "__type";
        if (array.IsNull(row)) {
        } else if (array.type_id() == arrow::Type::INT64) {
          EXPECT_EQ(static_cast<const arrow::Int64Array&>(array).Value(row), select->Int(i));
        } else if (array.type_id() == arrow::Type::DOUBLE) {
          EXPECT_EQ(static_cast<const arrow::DoubleArray&>(array).Value(row),
                    sqlite3_column_double(select->raw(), i));
        } else if (sqlite3_column_type(select->raw(), i) >= SQLITE_TEXT &&
                   arrow::is_base_binary_like(array.type_id())) {
          EXPECT_EQ(static_cast<const arrow::BinaryArray&>(array).GetView(row), select->Text(i));
        }
        column += has_class;
      }
    }
  EXPECT_FALSE(*select->Step());
}

struct Shape {
  int page_size;
  bool is_log, has_auto_vacuum;
  unsigned seed;
};

void FillRandomly(Scratch& scratch, const Shape& shape, std::mt19937_64& random) {
  scratch.Execute("pragma page_size = " + std::to_string(shape.page_size) +
                  "; pragma auto_vacuum = " + (shape.has_auto_vacuum ? "1" : "0") +
                  "; pragma journal_mode = " + (shape.is_log ? "wal" : "delete") +
                  "; pragma wal_autocheckpoint = 40; begin");
  scratch.Execute(
      "create table t(i int, id integer primary key, r real, d date, ts datetime, x text,"
      " b blob, n numeric, u, bo boolean, s int as (i) stored)");
  auto insert = [&](int columns, std::int64_t id) {
    std::string values;
    for (int c = 0; c < columns; ++c)
      values +=
          (c ? "," : "") + (c == 1 ? std::to_string(id) : RandomLiteral(random, shape.page_size));
    return "insert or replace into t(i,id,r,d,ts,x,b,n,u,bo" +
           std::string(columns > 10 ? ",a1,a2,a3" : "") + ") values (" + values + ")";
  };
  for (int i = 0; i < 150; ++i)
    scratch.Execute(insert(10, static_cast<std::int64_t>(random() % 4000) - 2000));
  scratch.Execute("insert into t(id) values (-9223372036854775807-1), (9223372036854775807)");
  scratch.Execute(
      "alter table t add column a1 int default 7; alter table t add column a2 real default 3;"
      "alter table t add column a3 text default 'it''s'");
  scratch.Execute("commit");
  for (int i = 0; i < 60; ++i)
    scratch.Execute(insert(13, static_cast<std::int64_t>(random() % 4000) - 2000));
  scratch.Execute("delete from t where id % 5 = 0; update t set x = 'moved' where id % 7 = 0");
}

class Differential : public ::testing::TestWithParam<Shape> {};

// Pages, SQL and SQLite's columns tell the same rows, batch by batch, in every range.
TEST_P(Differential, SameRows) {
  std::mt19937_64 random(GetParam().seed);
  Scratch scratch;
  FillRandomly(scratch, GetParam(), random);
  auto connection = scratch.Open();
  auto reader = PageReader::Begin(connection);
  ASSERT_TRUE(reader) << reader.error().message;
  auto catalog = ReadCatalogTable(connection, "t");
  ASSERT_TRUE(catalog) << catalog.error().message;
  auto table = Refit(connection, *catalog, TableOf(*catalog));
  ASSERT_TRUE(table) << table.error().message;
  // What others do now is not for this transaction to see.
  scratch.Execute(GetParam().is_log ? "update t set x = 'later'; delete from t where id > 0;"
                                      "pragma wal_checkpoint(passive)"
                                    : "select 1");
  RowRequest request{&*catalog, &*table, std::monostate(), {.rows = 37}, {}};
  auto all = BySql(connection, request);
  ASSERT_GT(RowsOf(all), 50);
  ExpectSame(ByPages(*reader, request), all);
  ExpectMatchesColumns(connection, *catalog, all);
  request.limits = {.rows = 1'000, .bytes = 3'000};
  ExpectSame(ByPages(*reader, request), BySql(connection, request));
  for (int i = 0; i < 10; ++i) {
    RowidRange range{static_cast<std::int64_t>(random() % 4000) - 2000,
                     static_cast<std::int64_t>(random() % 4000) - 2000};
    request.range = range;
    ExpectSame(ByPages(*reader, request), BySql(connection, request));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Differential,
                         ::testing::Values(Shape{512, false, true, 1}, Shape{512, true, false, 2},
                                           Shape{1024, true, true, 3}, Shape{4096, false, false, 4},
                                           Shape{4096, true, false, 5}, Shape{8192, true, true, 6},
                                           Shape{65536, false, false, 7},
                                           Shape{65536, true, true, 8}, Shape{2048, false, true, 9},
                                           Shape{32768, true, false, 10}));

// A clean close leaves no write-ahead log: then the index knows no page size, and the file is the
// state.
TEST(PageRows, DatabaseWithAnEmptyLog) {
  Scratch scratch;
  scratch.Execute("pragma journal_mode = wal; create table t(x); insert into t values (1), (2)");
  scratch.Execute("pragma wal_checkpoint(truncate)");
  auto connection = scratch.Open();
  auto reader = PageReader::Begin(connection);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_FALSE(reader->Read(1) == nullptr);
}

// Rows of a table WITHOUT ROWID stand on all levels of its tree.
TEST(EstimateIndexByPages, ComesNearWhateverTheDepth) {
  for (int rows : {0, 1, 20, 1'000, 30'000}) {
    Scratch scratch;
    scratch.Execute(
        "pragma page_size = 512; create table t(k text primary key, x text) without rowid;"
        "with recursive c(n) as (select 1 where " +
        std::to_string(rows) + " > 0 union all select n + 1 from c where n < " +
        std::to_string(rows) + ") insert into t select hex(n * 7919 % 30011), 'row ' || n from c");
    auto connection = scratch.Open();
    auto reader = PageReader::Begin(connection);
    ASSERT_TRUE(reader);
    auto catalog = ReadCatalogTable(connection, "t");
    auto estimate = EstimateIndexByPages(*reader, catalog->root_page);
    ASSERT_TRUE(estimate) << estimate.error().message;
    EXPECT_LE(std::abs(*estimate - rows), rows / 2) << *estimate;
    EXPECT_FALSE(EstimateByPages(*reader, catalog->root_page));
  }
}

// Ranges cover every row once, whatever their number.
TEST(SplitByPages, CoversEveryRowOnce) {
  Scratch scratch;
  scratch.Execute(
      "pragma page_size = 512; create table t(id integer primary key, x text);"
      "with recursive c(n) as (values (-5000) union all select n + 3 from c where n < 25000)"
      " insert into t select n, 'row ' || n from c");
  auto connection = scratch.Open();
  auto reader = PageReader::Begin(connection);
  ASSERT_TRUE(reader);
  auto catalog = ReadCatalogTable(connection, "t");
  auto table = TableOf(*catalog);
  auto estimate = EstimateByPages(*reader, catalog->root_page);
  ASSERT_TRUE(estimate) << estimate.error().message;
  EXPECT_NEAR(static_cast<double>(*estimate), 10'001, 3'000);
  for (std::int64_t target : {1, 100, 1'000, 3'000, 100'000}) {
    auto split = SplitByPages(*reader, catalog->root_page, target);
    ASSERT_TRUE(split) << split.error().message;
    EXPECT_EQ(split->front().first, RowidRange().first);
    EXPECT_EQ(split->back().last, RowidRange().last);
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < split->size(); ++i) {
      if (i > 0) {
        EXPECT_EQ((*split)[i].first, (*split)[i - 1].last + 1);
      }
      rows += RowsOf(ByPages(*reader, {&*catalog, &table, (*split)[i], {}, {}}));
    }
    EXPECT_EQ(rows, 10'001);
    if (target == 1'000) {
      EXPECT_GT(split->size(), 5u);
    }
  }
}

// A stream moved to another reader at any batch boundary goes on with the next row.
TEST(PageRows, MoveToAnotherReader) {
  Scratch scratch;
  scratch.Execute(
      "pragma page_size = 1024; create table t(id integer primary key, x text);"
      "with recursive c(n) as (values (1) union all select n + 1 from c where n < 3000)"
      " insert into t select n, 'row ' || n from c");
  auto one = scratch.Open(), two = scratch.Open();
  auto first = PageReader::Begin(one), second = PageReader::Begin(two);
  ASSERT_TRUE(first && second);
  auto catalog = ReadCatalogTable(one, "t");
  auto table = TableOf(*catalog);
  RowRequest request{&*catalog, &table, RowidRange{10, 2500}, {.rows = 97}, {}};
  auto want = BySql(one, request);
  auto stream = OpenPageRows(*first, request);
  ASSERT_TRUE(stream);
  Batches got;
  while (true) {
    auto batch = (*stream)->Next();
    ASSERT_TRUE(batch);
    if (!*batch) break;
    got.push_back(*batch);
    (*stream)->MoveTo(got.size() % 2 ? *second : *first);
  }
  ExpectSame(got, want);
}

// Damaged pages give SQLite's verdict through SQL, never a crash: meant for the address sanitizer.
TEST(PageRows, DamagedPagesAreLeftToSql) {
  int differing = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random(seed);
    Scratch scratch;
    scratch.Execute(
        "pragma page_size = 512; create table t(id integer primary key, x text, b blob);"
        "with recursive c(n) as (values (1) union all select n + 1 from c where n < 60)"
        " insert into t select n, 'row ' || n, zeroblob(n * 20) from c");
    {
      std::fstream file(scratch.path(), std::ios::in | std::ios::out | std::ios::binary);
      auto size = static_cast<std::int64_t>(std::filesystem::file_size(scratch.path()));
      for (int i = 0; i < 12; ++i) {
        // Page headers and cell pointers more often than bytes of values.
        auto page = static_cast<std::int64_t>(random()) & 0x7fffffff;
        auto at = 512 + page % (size - 512);
        if (random() % 2) at = at / 512 * 512 + static_cast<std::int64_t>(random() % 24);
        file.seekp(at);
        file.put(static_cast<char>(random()));
      }
    }
    auto connection = scratch.Open();
    auto reader = PageReader::Begin(connection);
    if (!reader) continue;
    auto catalog = ReadCatalogTable(connection, "t");
    if (!catalog) continue;
    auto table = TableOf(*catalog);
    RowRequest request{&*catalog, &table, std::monostate(), {.rows = 7}, {}};
    auto stream = OpenPageRows(*reader, request);
    ASSERT_TRUE(stream);
    auto got = Drain(**stream);
    if (got) continue;
    ++differing;
    EXPECT_TRUE(got.error().kind == ErrorKind::kUnsupported ||
                got.error().kind == ErrorKind::kMisfit)
        << got.error().message;
    (void)SplitByPages(*reader, catalog->root_page, 10);
    auto either = OpenRows(connection, &*reader, request);
    ASSERT_TRUE(either);
    (void)Drain(**either);
  }
  EXPECT_GT(differing, 10);
}

// Writers and copying back of the log go on while a table is read: no row is torn, none is missing.
TEST(PageRows, OneStateWhileOthersWrite) {
  Scratch scratch;
  scratch.Execute(
      "pragma journal_mode = wal; pragma synchronous = off; pragma wal_autocheckpoint = 5;"
      "create table t(id integer primary key, version int, x text);"
      "with recursive c(n) as (values (1) union all select n + 1 from c where n < 2000)"
      " insert into t select n, 0, 'v0' from c");
  std::atomic<bool> is_over = false;
  std::thread others([&] {
    for (int version = 1; !is_over; ++version) {
      auto text = std::to_string(version);
      scratch.Execute("update t set version = " + text + ", x = 'v" + text + "'");
      if (version % 3 == 0) scratch.Execute("pragma wal_checkpoint(passive)");
      if (version % 7 == 0)
        sqlite3_exec(scratch.raw(), "pragma wal_checkpoint(restart)", nullptr, nullptr, nullptr);
    }
  });
  int reads = 0;
  for (int i = 0; i < 60; ++i) {
    auto connection = scratch.Open();
    auto reader = PageReader::Begin(connection);
    if (!reader) continue;
    auto catalog = ReadCatalogTable(connection, "t");
    auto table = TableOf(*catalog);
    RowRequest request{&*catalog, &table, std::monostate(), {.rows = 256}, {}};
    auto got = ByPages(*reader, request);
    EXPECT_EQ(RowsOf(got), 2000);
    ExpectSame(got, BySql(connection, request));
    ++reads;
  }
  is_over = true;
  others.join();
  EXPECT_GT(reads, 0);
}

// A value that fills many pages arrives whole.
TEST(PageRows, HugeValue) {
  Scratch scratch;
  scratch.Execute(
      "create table t(id integer primary key, x text, after int);"
      "insert into t values (1, printf('%.*c', 20000000, 'y') || 'end', 5)");
  auto connection = scratch.Open();
  auto reader = PageReader::Begin(connection);
  ASSERT_TRUE(reader);
  auto catalog = ReadCatalogTable(connection, "t");
  auto table = TableOf(*catalog);
  RowRequest request{&*catalog, &table, std::monostate(), {}, {}};
  auto got = ByPages(*reader, request);
  ASSERT_EQ(RowsOf(got), 1);
  ExpectSame(got, BySql(connection, request));
}

}  // namespace
}  // namespace tidemark::sqlite::testing
