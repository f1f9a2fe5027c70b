#include <algorithm>

#include "source/sqlite/tracking.h"
#include "source/sqlite/tracking_commands.h"

namespace tidemark::sqlite {
namespace {

constexpr std::int64_t kEntriesPerTransaction = 10'000;
constexpr std::int64_t kEntriesToWarnOf = 1'000'000;

// The log keeps Julian days.
constexpr const char* kTimeInSeconds = "cast((time - 2440587.5) * 86400.0 as integer)";

// The newest version that may go, of the oldest entries; 0: none. The newest entry of all stays, so
// that numbers go on from there. An entry before an old one is old, whatever a clock that was set
// back says.
Result<std::int64_t> LastToRemove(Connection& connection, const std::string& log,
                                  std::int64_t cutoff) {
  auto last =
      TRY(connection.Prepare("select max(version) from (select version, time from main." + log +
                             " order by version limit ?1) where " + kTimeInSeconds +
                             " <= ?2 and version < (select max(version) from main." + log + ")"));
  TRY(last.Bind(1, kEntriesPerTransaction));
  TRY(last.Bind(2, cutoff));
  TRY(last.Step());
  return last.Int(0);
}

// How many entries went; 0: no more are old enough.
Result<std::int64_t> CleanOnce(Connection& connection, std::int64_t id, std::int64_t now_seconds) {
  auto number = std::to_string(id);
  auto transaction = TRY(WriteTransaction::Begin(connection));
  auto retention = TRY(connection.QueryInt(
      "select retention_seconds from main._tidemark_tables where id = " + number));
  // Somebody else disabled the table in the meantime.
  if (!retention) return 0;
  auto log = LogName(id);
  auto last = TRY(LastToRemove(connection, log, now_seconds - *retention));
  if (last == 0) return 0;
  auto version = std::to_string(last);
  TRY(connection.Execute("UPDATE main._tidemark_tables SET cleaned_version=" + version +
                         ",cleaned_nonce=(SELECT nonce FROM main." + log +
                         " WHERE version=" + version + ") WHERE id=" + number));
  TRY(connection.Execute("DELETE FROM main." + log + " WHERE version<=" + version));
  auto removed = sqlite3_changes(connection.raw());
  TRY(transaction.Commit());
  return removed;
}

Result<TrackedTableReport> CleanTable(Connection& connection, const CatalogTable& table,
                                      const TrackedTable& tracked, const TrackOptions& options) {
  TrackedTableReport report{.table = table.name, .outcome = TrackOutcome::kCleaned};
  if (tracked.anchor_rowid == 0) {
    report.outcome = TrackOutcome::kSkipped;
    report.because = "its log is gone";
    return report;
  }
  auto now_seconds = options.clock->NowUs() / 1'000'000;
  for (;;) {
    if (options.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "asked to stop");
    auto removed = TRY(CleanOnce(connection, tracked.id, now_seconds));
    if (removed == 0) return report;
    report.removed_entries += removed;
  }
}

Status ReadLogSize(Connection& connection, const TrackedTable& tracked, std::int64_t now_seconds,
                   TrackedTableStatus* status) {
  auto log = "main." + LogName(tracked.id);
  // Versions have no gaps, so nothing needs to be counted.
  auto size = TRY(connection.Prepare("select (select max(version) from " + log +
                                     "), min(version), (select " + kTimeInSeconds + " from " + log +
                                     " order by version limit 1) from " + log));
  TRY(size.Step());
  if (size.IsNull(1)) return {};
  status->entries = size.Int(0) - size.Int(1) + 1;
  status->oldest_entry_age_seconds = std::max<std::int64_t>(0, now_seconds - size.Int(2));
  if (status->entries > kEntriesToWarnOf)
    status->warnings.push_back("table " + status->table + ": its log holds " +
                               std::to_string(status->entries) +
                               " entries; `tidemark track clean` removes the old ones");
  return {};
}

Result<TrackedTableStatus> StatusOfTable(Connection& connection, const TrackingDatabase& database,
                                         const CatalogTable& table, std::int64_t now_seconds) {
  TrackedTableStatus status{.table = table.name};
  auto state = TRY(StatusOf(connection, database, table, nullptr));
  status.is_tracked = state.is_tracked;
  status.because = state.untracked_because;
  const auto* tracked = database.Find(table.name);
  if (!tracked) return status;
  status.version = state.current.version;
  status.min_valid_version = state.min_valid_version;
  status.retention_seconds = tracked->retention_seconds;
  if (tracked->anchor_rowid > 0) TRY(ReadLogSize(connection, *tracked, now_seconds, &status));
  if (!state.is_tracked || state.history == History::kSchemaChanged) {
    if (status.because.empty()) status.because = "its key, unique indexes or triggers have changed";
    status.warnings.push_back("table " + table.name + ": " + status.because +
                              "; run `tidemark track enable` again");
  }
  return status;
}

}  // namespace

Result<TrackReport> CleanTracking(const std::string& path, const TrackOptions& options) {
  auto connection = TRY(OpenForTracking(path, options));
  TrackReport report;
  auto tracking = TRY(ReadTracking(connection));
  auto catalog = TRY(ReadCatalog(connection));
  auto chosen = TRY(ChooseTables(connection, catalog, options.tables));
  report.tables = std::move(chosen.refused);
  if (tracking) report.database_id = tracking->database_id;
  for (auto* table : chosen.tables) {
    const auto* tracked = tracking ? tracking->Find(table->name) : nullptr;
    if (tracked)
      report.tables.push_back(
          TRY_WHILE("table " + table->name, CleanTable(connection, *table, *tracked, options)));
    else if (!options.tables.empty())
      report.tables.push_back({.table = table->name, .because = "it is not tracked"});
  }
  return report;
}

Result<std::vector<TrackedTableStatus>> TrackingStatusOf(const std::string& path,
                                                         const TrackOptions& options) {
  auto connection =
      TRY(Connection::Open(path, Access::kReadOnly, options.lock_timeout_ms, options.stop));
  TRY(connection.Execute("BEGIN"));
  auto catalog = TRY(ReadCatalog(connection));
  auto tracking = TRY(ReadTracking(connection));
  auto chosen = TRY(ChooseTables(connection, catalog, options.tables));
  if (!tracking) tracking.emplace();
  auto now_seconds = options.clock->NowUs() / 1'000'000;
  std::vector<TrackedTableStatus> statuses;
  for (auto* table : chosen.tables)
    statuses.push_back(TRY_WHILE("table " + table->name,
                                 StatusOfTable(connection, *tracking, *table, now_seconds)));
  for (auto& refused : chosen.refused)
    statuses.push_back({.table = refused.table, .because = refused.because});
  return statuses;
}

}  // namespace tidemark::sqlite
