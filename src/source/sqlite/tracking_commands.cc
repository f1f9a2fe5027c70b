#include "source/sqlite/tracking_commands.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace tidemark::sqlite {
namespace {

// Where the journal cannot be made SQLite says that the database cannot be opened.
Error Denied(Error error, const Connection& connection) {
  if (error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kDenied) {
    error.kind = ErrorKind::kDenied;
    error.hint = "the file and its folder must be writable";
  }
  return std::move(error).While(connection.path());
}

Result<std::optional<std::string>> ViewNamed(Connection& connection, const std::string& name) {
  auto view = TRY(connection.Prepare(
      "select name from main.sqlite_schema where type = 'view' and name = ?1 collate nocase"));
  TRY(view.Bind(1, std::string_view(name)));
  if (!TRY(view.Step())) return std::optional<std::string>();
  return std::optional<std::string>(view.Text(0));
}

}  // namespace

Result<Connection> OpenForTracking(const std::string& path, const TrackOptions& options) {
  auto folder = FolderOf(path);
  if (::access(path.c_str(), F_OK) == 0 && ::access(folder.c_str(), W_OK) != 0)
    return Fail(ErrorKind::kDenied, folder + ": " + std::strerror(errno),
                "SQLite writes its journal beside the file: the folder must be writable");
  return Connection::Open(path, Access::kReadWrite, options.lock_timeout_ms, options.stop);
}

Result<WriteTransaction> WriteTransaction::Begin(Connection& connection) {
  auto begun = connection.Execute("BEGIN IMMEDIATE");
  if (!begun) return Fail(Denied(std::move(begun).error(), connection));
  return WriteTransaction(connection);
}

WriteTransaction::WriteTransaction(WriteTransaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

WriteTransaction::~WriteTransaction() {
  // Some errors have ended it already; then there is nothing to undo.
  if (connection_ && sqlite3_get_autocommit(connection_->raw()) == 0)
    (void)connection_->Execute("ROLLBACK");
}

Status WriteTransaction::Commit() {
  auto committed = connection_->Execute("COMMIT");
  if (!committed) return Fail(Denied(std::move(committed).error(), *connection_));
  connection_ = nullptr;
  return {};
}

Result<ChosenTables> ChooseTables(Connection& connection, const std::vector<CatalogTable>& catalog,
                                  const std::vector<std::string>& patterns) {
  ChosenTables chosen;
  std::vector<bool> is_chosen(catalog.size(), patterns.empty());
  for (auto& pattern : patterns) {
    bool matched = false;
    for (std::size_t i = 0; i < catalog.size(); ++i) {
      // A name may hold the characters of a glob.
      auto name = AsciiLower(catalog[i].name);
      if (name != AsciiLower(pattern) &&
          sqlite3_strglob(AsciiLower(pattern).c_str(), name.c_str()) != 0)
        continue;
      is_chosen[i] = matched = true;
    }
    if (matched) continue;
    auto view = TRY(ViewNamed(connection, pattern));
    if (!view)
      return Fail(ErrorKind::kNotFound, connection.path() + ": no table matches " + pattern,
                  "`tidemark track status FILE` lists the tables");
    chosen.refused.push_back({.table = *view, .because = "it is a view; track its tables"});
  }
  for (std::size_t i = 0; i < catalog.size(); ++i)
    if (is_chosen[i]) chosen.tables.push_back(&catalog[i]);
  return chosen;
}

}  // namespace tidemark::sqlite
