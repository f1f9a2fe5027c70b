#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/sql_text.h"

namespace tidemark::sqlite {

// What SQLite says went wrong, as one of our kinds: busy and locked are kUnavailable, not a
// database and malformed kCorrupt, permissions kDenied, interrupt kCancelled.
Error ErrorOf(sqlite3* db, int code);

// Where SQLite makes its other files of a database.
std::string FolderOf(const std::string& path);

class Statement {
 public:
  // False: no more rows.
  Result<bool> Step();
  void Reset();  // bindings stay
  Status Bind(int index, std::int64_t value);
  Status Bind(int index, std::string_view text);
  sqlite3_stmt* raw() const { return statement_.get(); }

  std::int64_t Int(int column) const { return sqlite3_column_int64(raw(), column); }
  bool IsNull(int column) const { return sqlite3_column_type(raw(), column) == SQLITE_NULL; }
  // The bytes as stored; NUL is kept.
  std::string Text(int column) const;

 private:
  friend class Connection;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// How long a busy database is waited for.
struct BusyWait {
  std::int64_t timeout_ms;
  std::stop_token stop;
};

// kImmutable: a private copy that nobody changes; opened without any lock.
enum class Access { kReadOnly, kReadWrite, kImmutable };

// One connection, used by one thread at a time. Busy waits honour the time-out and the stop token.
class Connection {
 public:
  // kNotFound, kDenied, kCorrupt (not a database), kInvalid (a folder).
  static Result<Connection> Open(const std::string& path, Access access,
                                 std::int64_t lock_timeout_ms, std::stop_token stop = {});
  Status Execute(const std::string& sql);
  Result<Statement> Prepare(std::string_view sql);
  // The first column of the first row; nothing: no row.
  Result<std::optional<std::int64_t>> QueryInt(std::string_view sql);
  Result<std::optional<std::string>> QueryText(std::string_view sql);
  sqlite3* raw() const { return db_.get(); }
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<BusyWait> busy_wait_;  // stable address: SQLite calls back into it
  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

}  // namespace tidemark::sqlite
