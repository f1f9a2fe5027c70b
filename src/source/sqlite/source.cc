#include "source/sqlite/source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "source/sqlite/catalog.h"
#include "source/sqlite/private_copy.h"
#include "source/sqlite/snapshot.h"
#include "source/sqlite/tracking.h"

namespace tidemark::sqlite {
namespace {

std::string CanonicalPath(const std::string& path) {
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
  return real ? std::string(real.get()) : path;
}

// shop.db -> shop; .shop and shop stay.
std::string NameOf(const std::string& path) { return std::filesystem::path(path).stem().string(); }

bool CanMakeFilesBeside(const std::string& path) {
  return ::access(FolderOf(path).c_str(), W_OK) == 0;
}

// What SQLite's code for a failed first read means here, and what can be done.
Error Explain(const std::string& path, int code, Error error) {
  switch (code) {
    case SQLITE_READONLY_ROLLBACK:
      return {ErrorKind::kUnavailable,
              path + ": a program died while it wrote, and what it began must be rolled back first",
              "open the database once with a program that may write, for instance `sqlite3 FILE "
              "'select 1 from sqlite_schema'`"};
    case SQLITE_READONLY_RECOVERY:
    case SQLITE_READONLY_CANTINIT:
    case SQLITE_READONLY_DIRECTORY:
      return {ErrorKind::kDenied,
              path + ": the write-ahead log's index " + path + "-shm cannot be written",
              "give this user write access to the file and its folder"};
    default:
      break;
  }
  bool is_shm = (code & 0xff) == SQLITE_CANTOPEN && !CanMakeFilesBeside(path);
  if (is_shm) {
    return {ErrorKind::kDenied,
            path + ": the database has a write-ahead log, whose index " + path +
                "-shm cannot be made, as its folder cannot be written",
            "give this user write access to the folder, or switch the database to `pragma "
            "journal_mode = delete`"};
  }
  return std::move(error).While(path);
}

// Looks at the file as any first statement would, so that all that can be wrong with it is told at
// once.
Status CheckReadable(Connection& connection) {
  auto tables = connection.QueryInt("select count(*) from main.sqlite_schema");
  if (tables) return {};
  return Fail(Explain(connection.path(), sqlite3_extended_errcode(connection.raw()),
                      std::move(tables.error())));
}

std::string FolderForTemporaryFiles(const std::string& asked) {
  if (!asked.empty()) return asked;
  const char* folder = std::getenv("TMPDIR");
  return folder && *folder ? folder : "/tmp";
}

// Which file a path leads to.
struct FileIdentity {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const FileIdentity&) const = default;
  static FileIdentity Of(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return {};
    return {.device = info.st_dev, .number = info.st_ino};
  }
};

class SqliteSource final : public Source {
 public:
  SqliteSource(std::string path, std::string database, const SourceOptions& options)
      : path_(std::move(path)), database_(std::move(database)), options_(options) {}

  Result<std::string> Identity() override;
  Result<std::vector<TableName>> ListTables() override;
  Result<std::unique_ptr<Snapshot>> OpenSnapshot(const std::string& temp_dir) override;

  // Looks at the file as any first statement would, so that all that can be wrong with it is told
  // at once; the connection is kept, as reading the schema of thousands of tables takes its time.
  Status Connect();

 private:
  // Runs `use(Connection&)` in a read transaction of its own.
  template <class Use>
  auto Read(Use use) -> decltype(use(std::declval<Connection&>())) {
    std::lock_guard lock(mutex_);
    TRY(Connect());
    TRY(connection_->Execute("begin"));
    auto result = use(*connection_);
    TRY(connection_->Execute("rollback"));
    return result;
  }

  const std::string path_, database_;
  const SourceOptions options_;
  std::mutex mutex_;
  std::optional<Connection> connection_;  // under mutex_
  FileIdentity file_;                     // that connection_ has open
};

Status SqliteSource::Connect() {
  auto file = FileIdentity::Of(path_);
  if (connection_ && file_ == file) return {};
  connection_.reset();
  auto connection =
      TRY(Connection::Open(path_, Access::kReadOnly, options_.lock_timeout_ms, options_.stop));
  TRY(CheckReadable(connection));
  connection_.emplace(std::move(connection));
  file_ = file;
  return {};
}

Result<std::string> SqliteSource::Identity() {
  return Read([&](Connection& connection) -> Result<std::string> {
    auto tracking = TRY(ReadTracking(connection));
    return (tracking ? tracking->database_id : "-") + " " + path_;
  });
}

Result<std::vector<TableName>> SqliteSource::ListTables() {
  return Read([&](Connection& connection) -> Result<std::vector<TableName>> {
    std::vector<TableName> names;
    for (auto& name : TRY(ReadTableNames(connection)))
      names.push_back(
          {.database = database_, .schema = SchemaName(options_), .name = std::move(name)});
    return names;
  });
}

Result<std::unique_ptr<Snapshot>> SqliteSource::OpenSnapshot(const std::string& temp_dir) {
  auto folder = FolderForTemporaryFiles(temp_dir);
  RemoveLeftOverFiles(folder);
  std::lock_guard lock(mutex_);
  // The snapshot takes our connection over: reading the schema is the dearest part of opening one.
  auto control = FileIdentity::Of(path_) == file_ ? std::exchange(connection_, std::nullopt)
                                                  : std::optional<Connection>();
  auto snapshot = OpenSqliteSnapshot({.path = path_, .database = database_, .temp_dir = folder},
                                     options_, std::move(control));
  if (snapshot) return snapshot;
  // A second look tells what is wrong with the file, if that is what it was.
  connection_.reset();
  bool may_be_the_file = snapshot.error().kind != ErrorKind::kCancelled &&
                         snapshot.error().kind != ErrorKind::kUnavailable;
  if (may_be_the_file) TRY(Connect());
  return Fail(std::move(snapshot.error()).While(path_));
}

}  // namespace

Result<std::unique_ptr<Source>> OpenSqliteSource(const std::string& location,
                                                 const SourceOptions& options) {
  auto path = CanonicalPath(location);
  auto database = options.database.empty() ? NameOf(location) : options.database;
  auto source = std::make_unique<SqliteSource>(path, database, options);
  TRY(source->Connect());
  return source;
}

}  // namespace tidemark::sqlite
