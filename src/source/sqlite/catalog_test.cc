#include "source/sqlite/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace tidemark::sqlite {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CatalogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/catalog-" + std::to_string(::getpid()) + ".db";
    std::filesystem::remove(name);
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(name.c_str(), &db), SQLITE_OK);
    sqlite3_close(db);
    path_ = name;
    auto opened = Connection::Open(path_, Access::kReadWrite, 1000);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    connection_ = std::move(*opened);
  }
  void TearDown() override {
    connection_.reset();
    std::filesystem::remove(path_);
  }

  void Execute(const std::string& sql) {
    auto done = connection_->Execute(sql);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  std::vector<CatalogTable> Read() {
    auto tables = ReadCatalog(*connection_);
    EXPECT_TRUE(tables.has_value()) << tables.error().message;
    return tables ? std::move(*tables) : std::vector<CatalogTable>();
  }
  CatalogTable ReadOne(const std::string& name) {
    auto table = ReadCatalogTable(*connection_, name);
    EXPECT_TRUE(table.has_value()) << table.error().message;
    return table ? std::move(*table) : CatalogTable();
  }

  std::string path_;
  std::optional<Connection> connection_;
};

// Only what a user would call a table is listed, by name.
TEST_F(CatalogTest, ListsTheUsersTables) {
  Execute(
      "create table b(x); create table a(id integer primary key autoincrement);"
      "create view v as select * from a; create table _tidemark_log(x); create table sqlitex(x);"
      "create virtual table f using fts5(body); create table \"odd \"\"name'\n;\"(\"a \"\"b\");"
      "create table \"\"(x);");
  std::vector<std::string> names;
  for (auto& table : Read()) names.push_back(table.name);
  EXPECT_THAT(names, ElementsAre("", "a", "b", "f", "odd \"name'\n;", "sqlitex"));
  EXPECT_EQ(ReadOne("odd \"name'\n;").columns[0].name, "a \"b");
  auto missing = ReadCatalogTable(*connection_, "v");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
}

// Types, defaults, generated columns and collations are told per column.
TEST_F(CatalogTest, DescribesColumns) {
  Execute(
      "create table t(a INT not null default (1+1), b Text collate nocase, "
      "c as (a + 1), d generated always as (a) stored, e)");
  auto table = ReadOne("t");
  ASSERT_EQ(table.columns.size(), 5u);
  EXPECT_EQ(table.columns[0].declared_type, "INT");
  EXPECT_TRUE(table.columns[0].is_not_null);
  EXPECT_EQ(table.columns[0].default_sql, "1+1");
  EXPECT_EQ(table.columns[1].collation, "nocase");
  EXPECT_EQ(table.columns[0].collation, "BINARY");
  EXPECT_EQ(table.columns[2].generated, CatalogColumn::Generated::kVirtual);
  EXPECT_EQ(table.columns[3].generated, CatalogColumn::Generated::kStored);
  EXPECT_EQ(table.columns[4].default_sql, std::nullopt);
  EXPECT_THAT(table.key, IsEmpty());
  EXPECT_EQ(table.rowid_name, "rowid");
  EXPECT_GT(table.root_page, 1);
}

// Only a true INTEGER PRIMARY KEY is the rowid.
TEST_F(CatalogTest, TellsTheKey) {
  Execute(
      "create table alias(x, id integer primary key);"
      "create table descending(id integer primary key desc);"
      "create table word(id int primary key);"
      "create table twice(id integer primary key unique);");
  EXPECT_EQ(ReadOne("alias").rowid_alias, 1);
  EXPECT_EQ(ReadOne("descending").rowid_alias, std::nullopt);
  EXPECT_EQ(ReadOne("word").rowid_alias, std::nullopt);
  EXPECT_EQ(ReadOne("twice").rowid_alias, 0);
}

// The order of a key is that of its declaration.
TEST_F(CatalogTest, TellsTheKeyOfWithoutRowid) {
  Execute(
      "create table wr(a int, b text collate nocase, c int, primary key(b, a)) "
      "without rowid, strict");
  auto table = ReadOne("wr");
  EXPECT_TRUE(table.is_without_rowid);
  EXPECT_TRUE(table.is_strict);
  EXPECT_THAT(table.key, ElementsAre(1, 0));
  EXPECT_EQ(table.rowid_name, "");
  ASSERT_EQ(table.unique_indexes.size(), 1u);
  EXPECT_TRUE(table.unique_indexes[0].is_primary_key);
  EXPECT_EQ(table.unique_indexes[0].terms[0].collation, "nocase");
}

// A user may take every name of the rowid.
TEST_F(CatalogTest, FindsANameForTheRowid) {
  Execute("create table one(RowId); create table all3(rowid, _rowid_, OID)");
  EXPECT_EQ(ReadOne("one").rowid_name, "_rowid_");
  EXPECT_EQ(ReadOne("all3").rowid_name, "");
}

// Unique indexes: automatic, partial, and of expressions; plain ones are left out.
TEST_F(CatalogTest, ListsUniqueIndexes) {
  Execute(
      "create table t(id integer primary key, a unique, b, c);"
      "create unique index part on t(b collate nocase, c) where c > 0;"
      "create unique index expr on t(lower(b)); create index plain on t(c)");
  auto table = ReadOne("t");
  ASSERT_EQ(table.unique_indexes.size(), 3u);
  EXPECT_EQ(table.unique_indexes[0].name, "expr");
  EXPECT_EQ(table.unique_indexes[0].terms[0].column, "");
  EXPECT_EQ(table.unique_indexes[1].name, "part");
  EXPECT_TRUE(table.unique_indexes[1].is_partial);
  EXPECT_EQ(table.unique_indexes[1].terms[0].collation, "nocase");
  EXPECT_THAT(table.unique_indexes[1].sql, testing::HasSubstr("where c > 0"));
  EXPECT_EQ(table.unique_indexes[2].sql, "");
  EXPECT_EQ(table.rowid_alias, 0);
}

// A virtual table hides its extra columns; one whose module is missing is listed without any.
TEST_F(CatalogTest, ListsVirtualTables) {
  Execute(
      "create virtual table f using fts5(title, body); pragma writable_schema = on;"
      "insert into sqlite_schema values ('table', 'gone', 'gone', 0, "
      "'create virtual table gone using nosuchmodule(a)'); pragma writable_schema = reset");
  auto tables = Read();
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_EQ(tables[0].kind, CatalogTable::Kind::kVirtual);
  ASSERT_EQ(tables[0].columns.size(), 2u);
  EXPECT_EQ(tables[0].columns[1].name, "body");
  EXPECT_EQ(tables[1].name, "gone");
  EXPECT_EQ(tables[1].kind, CatalogTable::Kind::kVirtual);
  EXPECT_THAT(tables[1].columns, IsEmpty());
}

// A table made again has a higher rowid in the schema than everything made before.
TEST_F(CatalogTest, NoticesThatATableWasMadeAgain) {
  Execute("create table t(x); create table anchor(x)");
  EXPECT_LT(ReadOne("t").schema_rowid, ReadOne("anchor").schema_rowid);
  Execute("drop table t; create table t(x)");
  EXPECT_GT(ReadOne("t").schema_rowid, ReadOne("anchor").schema_rowid);
}

}  // namespace
}  // namespace tidemark::sqlite
