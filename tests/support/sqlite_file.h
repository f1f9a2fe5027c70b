#pragma once
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tidemark::test {

// A connection of some other program to a database file, which it makes if it is missing.
class SqliteFile {
 public:
  explicit SqliteFile(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK) << path;
  }
  ~SqliteFile() { sqlite3_close(db_); }
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;

  // The result code; for what may fail.
  int Try(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  void Execute(const std::string& sql) {
    int code = Try(sql);
    EXPECT_EQ(code, SQLITE_OK) << sqlite3_errmsg(db_) << ": " << sql;
  }
  // The first column of all rows.
  std::vector<std::int64_t> Ints(const std::string& sql) {
    std::vector<std::int64_t> values;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_) << ": " << sql;
    while (sqlite3_step(statement) == SQLITE_ROW)
      values.push_back(sqlite3_column_int64(statement, 0));
    sqlite3_finalize(statement);
    return values;
  }
  std::int64_t Int(const std::string& sql) {
    auto values = Ints(sql);
    EXPECT_FALSE(values.empty()) << sql;
    return values.empty() ? 0 : values[0];
  }
  void WaitWhenBusy(int ms) { sqlite3_busy_timeout(db_, ms); }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace tidemark::test
