#include "source/sqlite/database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tidemark::sqlite {
namespace {

ErrorKind KindOf(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return ErrorKind::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return ErrorKind::kCorrupt;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return ErrorKind::kDenied;
    case SQLITE_CANTOPEN:
      return ErrorKind::kNotFound;
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
      return ErrorKind::kCancelled;
    case SQLITE_TOOBIG:
      return ErrorKind::kUnsupported;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_SCHEMA:
      return ErrorKind::kInvalid;
    default:
      return ErrorKind::kInternal;
  }
}

std::string HintOf(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds a lock on the database; wait for it or raise --lock-timeout";
    case SQLITE_NOTADB:
      return "the file is not an SQLite database, or it is encrypted";
    case SQLITE_CORRUPT:
      return "run `sqlite3 FILE 'pragma integrity_check'`, then restore a copy or use its .recover";
    default:
      return {};
  }
}

Status CheckPath(const std::string& path, Access access) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return Fail(ErrorKind::kNotFound, path + ": no such file",
                  "name an existing SQLite database file");
    return Fail(ErrorKind::kDenied, path + ": " + std::strerror(errno));
  }
  if (S_ISDIR(info.st_mode))
    return Fail(ErrorKind::kInvalid, path + " is a folder, not a database file",
                "name a SQLite database file as the source; the folder to land in follows --to");
  if (!S_ISREG(info.st_mode)) return Fail(ErrorKind::kInvalid, path + " is not a regular file");
  bool writes = access == Access::kReadWrite;
  if (::access(path.c_str(), writes ? R_OK | W_OK : R_OK) != 0)
    return Fail(ErrorKind::kDenied, path + ": " + std::strerror(errno),
                writes ? "the file must be writable" : "the file must be readable");
  return {};
}

// As a URI that says the file never changes.
std::string ImmutableUri(const std::string& path) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string uri = "file:";
  for (char c : path) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '?' || c == '#' || c == '%') {
      uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      uri.push_back(c);
    }
  }
  return uri + "?immutable=1";
}

// As SQLite's own busy handler, but it ends when asked to stop.
int WaitWhileBusy(void* argument, int count) {
  constexpr int kDelaysMs[] = {1, 2, 5, 10, 15, 20, 25, 25, 50, 50};
  auto* wait = static_cast<BusyWait*>(argument);
  std::int64_t waited_ms = 0;
  for (int i = 0; i < count; ++i) waited_ms += kDelaysMs[std::min(i, 9)];
  if (waited_ms >= wait->timeout_ms || wait->stop.stop_requested()) return 0;
  ::usleep(static_cast<useconds_t>(kDelaysMs[std::min(count, 9)]) * 1000);
  return 1;
}

}  // namespace

std::string FolderOf(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

Error ErrorOf(sqlite3* db, int code) {
  std::string message = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  return {KindOf(code), std::move(message), HintOf(code)};
}

Result<bool> Statement::Step() {
  int code = sqlite3_step(raw());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Fail(ErrorOf(sqlite3_db_handle(raw()), code));
}

void Statement::Reset() { sqlite3_reset(raw()); }

Status Statement::Bind(int index, std::int64_t value) {
  int code = sqlite3_bind_int64(raw(), index, value);
  if (code != SQLITE_OK) return Fail(ErrorOf(sqlite3_db_handle(raw()), code));
  return {};
}

Status Statement::Bind(int index, std::string_view text) {
  int code =
      sqlite3_bind_text64(raw(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) return Fail(ErrorOf(sqlite3_db_handle(raw()), code));
  return {};
}

std::string Statement::Text(int column) const {
  auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw(), column));
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw(), column));
  return text ? std::string(text, size) : std::string();
}

namespace {

// SQLite's count of allocated bytes costs a lock per allocation, a quarter of the time that reading
// a large schema takes; nothing here asks for it. Before SQLite's first use, or it is refused,
// harmlessly.
void TurnOffMemoryStatistics() {
  static const int kCode = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(kCode);
}

}  // namespace

Result<Connection> Connection::Open(const std::string& path, Access access,
                                    std::int64_t lock_timeout_ms, std::stop_token stop) {
  TurnOffMemoryStatistics();
  TRY(CheckPath(path, access));
  Connection connection;
  connection.path_ = path;
  sqlite3* db = nullptr;
  int flags = access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  if (access == Access::kImmutable) flags |= SQLITE_OPEN_URI;
  std::string name = access == Access::kImmutable ? ImmutableUri(path) : path;
  int code = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  connection.db_.reset(db);
  if (code != SQLITE_OK) return Fail(ErrorOf(db, code).While(path));
  sqlite3_extended_result_codes(db, 1);
  connection.busy_wait_ = std::make_unique<BusyWait>(BusyWait{lock_timeout_ms, std::move(stop)});
  sqlite3_busy_handler(db, WaitWhileBusy, connection.busy_wait_.get());
  // A hostile schema must not run functions with side effects while we read.
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return connection;
}

Status Connection::Execute(const std::string& sql) {
  int code = sqlite3_exec(raw(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorOf(raw(), code));
  return {};
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  Statement statement;
  sqlite3_stmt* raw_statement = nullptr;
  int code =
      sqlite3_prepare_v2(raw(), sql.data(), static_cast<int>(sql.size()), &raw_statement, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorOf(raw(), code));
  statement.statement_.reset(raw_statement);
  return statement;
}

Result<std::optional<std::int64_t>> Connection::QueryInt(std::string_view sql) {
  auto statement = TRY(Prepare(sql));
  if (!TRY(statement.Step())) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(statement.Int(0));
}

Result<std::optional<std::string>> Connection::QueryText(std::string_view sql) {
  auto statement = TRY(Prepare(sql));
  if (!TRY(statement.Step())) return std::optional<std::string>();
  return std::optional<std::string>(statement.Text(0));
}

}  // namespace tidemark::sqlite
