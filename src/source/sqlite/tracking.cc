#include "source/sqlite/tracking.h"

#include <algorithm>

#include "base/text.h"
#include "source/sqlite/tracking_commands.h"
#include "source/sqlite/tracking_triggers.h"

namespace tidemark::sqlite {
namespace {

constexpr const char* kRegistrySql[] = {
    "CREATE TABLE main._tidemark_database(id TEXT, format INTEGER)",
    "CREATE TABLE main._tidemark_tables(id INTEGER PRIMARY KEY, name TEXT, incarnation TEXT, "
    "retention_seconds INTEGER, cleaned_version INTEGER, cleaned_nonce TEXT)"};

// One transaction in which tables become tracked or stop being it.
class Setup {
 public:
  Setup(Connection& connection, const TrackOptions& options)
      : connection_(connection), options_(options) {}
  Status ReadState();
  Result<TrackedTableReport> Enable(const CatalogTable& table);
  Status Forget(std::int64_t id);
  // Registrations of tables that were dropped.
  Status ForgetGone();
  Status RemoveEmptyRegistry();

  const std::vector<CatalogTable>& catalog() const { return catalog_; }
  const TrackingDatabase& tracking() const { return tracking_; }

 private:
  Status MakeRegistry();
  Status Register(const CatalogTable& table);
  Result<std::string> UnusableKeyBecause(const CatalogTable& table);

  Connection& connection_;
  const TrackOptions& options_;
  std::vector<CatalogTable> catalog_;
  TrackingDatabase tracking_;
  bool has_registry_ = false;
};

Status Setup::ReadState() {
  catalog_ = TRY(ReadCatalog(connection_));
  auto tracking = TRY(ReadTracking(connection_));
  has_registry_ = tracking.has_value();
  if (tracking) tracking_ = std::move(*tracking);
  return {};
}

Status Setup::MakeRegistry() {
  if (has_registry_) return {};
  for (auto* sql : kRegistrySql) TRY(connection_.Execute(sql));
  tracking_.database_id = RandomHex16(*options_.random) + RandomHex16(*options_.random);
  TRY(connection_.Execute("INSERT INTO main._tidemark_database VALUES(" +
                          QuoteText(tracking_.database_id) + ",1)"));
  has_registry_ = true;
  return {};
}

// Nothing stops rows with such keys from coming later: reading changes fails then, and the table is
// looked at again.
Result<std::string> Setup::UnusableKeyBecause(const CatalogTable& table) {
  if (table.rowid_alias) return std::string();
  std::string columns;
  for (int index : table.key) {
    auto name = QuoteIdentifier(table.columns[index].name);
    columns += columns.empty() ? "" : ",";
    columns += "max(" + name + " is null),count(distinct case typeof(" + name +
               ") when 'text' then 1 when 'blob' then 2 when 'null' then null else 3 end)";
  }
  auto row =
      TRY(connection_.Prepare("select " + columns + " from main." + QuoteIdentifier(table.name)));
  TRY(row.Step());
  for (int i = 0; i < static_cast<int>(table.key.size()); ++i) {
    auto& name = table.columns[table.key[i]].name;
    if (row.Int(2 * i) != 0) return "its key column " + name + " holds NULL";
    if (row.Int(2 * i + 1) > 1) return "its key column " + name + " holds values of several types";
  }
  return std::string();
}

Status Setup::Register(const CatalogTable& table) {
  TRY(MakeRegistry());
  auto insert = TRY(connection_.Prepare(
      "INSERT INTO main._tidemark_tables(name,incarnation,retention_seconds,cleaned_version,"
      "cleaned_nonce) VALUES(?1,?2,?3,0,'')"));
  TRY(insert.Bind(1, std::string_view(table.name)));
  TRY(insert.Bind(2, std::string_view(RandomHex16(*options_.random))));
  TRY(insert.Bind(3, options_.retention_seconds));
  TRY(insert.Step());
  auto id = sqlite3_last_insert_rowid(connection_.raw());
  // No types: a key is kept as it is. Made after its table, the log is the anchor as well: a table
  // that is made again gets a larger rowid in sqlite_schema than the log has.
  // julianday is the cheapest time that SQLite has: strftime('%s') costs a writer 6 % more, and old
  // libraries, which programs that fire the triggers may be linked to, have no unixepoch().
  std::string sql = "CREATE TABLE main." + LogName(id) +
                    "(version INTEGER PRIMARY KEY,existed,nonce DEFAULT(random()),"
                    "time DEFAULT(julianday('now'))";
  for (std::size_t i = 1; i <= table.key.size(); ++i) sql += ",k" + std::to_string(i);
  TRY(connection_.Execute(sql + ")"));
  for (auto& trigger : TriggersOf(table, id)) TRY(connection_.Execute(trigger.sql));
  return {};
}

Result<TrackedTableReport> Setup::Enable(const CatalogTable& table) {
  TrackedTableReport report{.table = table.name};
  const auto* tracked = tracking_.Find(table.name);
  report.because = UntrackableBecause(table);
  if (report.because.empty() && !tracked) report.because = TRY(UnusableKeyBecause(table));
  if (!report.because.empty()) {
    if (tracked) TRY(Forget(tracked->id));
    return report;
  }
  if (tracked) {
    auto status = TRY(StatusOf(connection_, tracking_, table, nullptr));
    if (status.is_tracked && status.history == History::kSame) {
      report.outcome = TrackOutcome::kUnchanged;
      if (tracked->retention_seconds != options_.retention_seconds) {
        TRY(connection_.Execute("UPDATE main._tidemark_tables SET retention_seconds=" +
                                std::to_string(options_.retention_seconds) +
                                " WHERE id=" + std::to_string(tracked->id)));
        report.because =
            "its changes are now kept for " + std::to_string(options_.retention_seconds) + " s";
      }
      return report;
    }
    report.because = status.is_tracked ? "its key, unique indexes or triggers have changed"
                                       : status.untracked_because;
    report.outcome = TrackOutcome::kRenewed;
    TRY(Forget(tracked->id));
  } else {
    report.outcome = TrackOutcome::kEnabled;
  }
  TRY(Register(table));
  return report;
}

Status Setup::Forget(std::int64_t id) {
  auto number = std::to_string(id);
  for (const char* suffix : {"bi", "ai", "bu", "au", "ad"})
    TRY(connection_.Execute("DROP TRIGGER IF EXISTS main._tidemark_" + number + "_" + suffix));
  TRY(connection_.Execute("DROP TABLE IF EXISTS main." + LogName(id)));
  return connection_.Execute("DELETE FROM main._tidemark_tables WHERE id=" + number);
}

Status Setup::ForgetGone() {
  std::vector<std::int64_t> gone;
  for (auto& [name, tracked] : tracking_.tables) {
    bool is_there = std::any_of(catalog_.begin(), catalog_.end(),
                                [&](auto& table) { return EqualsNoCase(table.name, name); });
    if (!is_there) gone.push_back(tracked.id);
  }
  for (auto id : gone) TRY(Forget(id));
  return {};
}

Status Setup::RemoveEmptyRegistry() {
  if (!has_registry_) return {};
  if (TRY(connection_.QueryInt("select count(*) from main._tidemark_tables")).value_or(0) > 0)
    return {};
  TRY(connection_.Execute("DROP TABLE main._tidemark_tables"));
  return connection_.Execute("DROP TABLE main._tidemark_database");
}

}  // namespace

std::string_view Name(TrackOutcome outcome) {
  switch (outcome) {
    case TrackOutcome::kEnabled:
      return "enabled";
    case TrackOutcome::kRenewed:
      return "renewed";
    case TrackOutcome::kUnchanged:
      return "unchanged";
    case TrackOutcome::kDisabled:
      return "disabled";
    case TrackOutcome::kCleaned:
      return "cleaned";
    case TrackOutcome::kSkipped:
      return "skipped";
  }
  return "skipped";
}

Result<TrackReport> EnableTracking(const std::string& path, const TrackOptions& options) {
  if (options.retention_seconds < 0)
    return Fail(ErrorKind::kInvalid,
                "retention " + std::to_string(options.retention_seconds) + " s is negative");
  auto connection = TRY(OpenForTracking(path, options));
  auto transaction = TRY(WriteTransaction::Begin(connection));
  Setup setup(connection, options);
  TRY(setup.ReadState());
  auto chosen = TRY(ChooseTables(connection, setup.catalog(), options.tables));
  TrackReport report;
  report.tables = std::move(chosen.refused);
  for (auto* table : chosen.tables) {
    if (options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "asked to stop");
    report.tables.push_back(TRY_WHILE("table " + table->name, setup.Enable(*table)));
  }
  if (options.tables.empty()) TRY(setup.ForgetGone());
  TRY(setup.RemoveEmptyRegistry());
  TRY(transaction.Commit());
  report.database_id = setup.tracking().database_id;
  return report;
}

Result<TrackReport> DisableTracking(const std::string& path, const TrackOptions& options) {
  auto connection = TRY(OpenForTracking(path, options));
  auto transaction = TRY(WriteTransaction::Begin(connection));
  Setup setup(connection, options);
  TRY(setup.ReadState());
  auto chosen = TRY(ChooseTables(connection, setup.catalog(), options.tables));
  TrackReport report;
  report.tables = std::move(chosen.refused);
  for (auto* table : chosen.tables) {
    const auto* tracked = setup.tracking().Find(table->name);
    if (tracked) {
      TRY_WHILE("table " + table->name, setup.Forget(tracked->id));
      report.tables.push_back({.table = table->name, .outcome = TrackOutcome::kDisabled});
    } else if (!options.tables.empty()) {
      report.tables.push_back({.table = table->name, .because = "it is not tracked"});
    }
  }
  if (options.tables.empty()) TRY(setup.ForgetGone());
  TRY(setup.RemoveEmptyRegistry());
  TRY(transaction.Commit());
  report.database_id = setup.tracking().database_id;
  return report;
}

}  // namespace tidemark::sqlite
