#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "source/source.h"
#include "source/sqlite/catalog.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// What `tidemark track` is asked to do. Names and globs (* ? [a-z]) are compared without case.
struct TrackOptions {
  std::vector<std::string> tables;                 // empty: all
  std::int64_t retention_seconds = 7 * 24 * 3600;  // EnableTracking: 0 or more
  std::int64_t lock_timeout_ms = 10'000;
  Clock* clock = &SystemClock();
  Random* random = &SystemRandom();
  std::stop_token stop;
};

enum class TrackOutcome {
  kEnabled,    // was not tracked
  kRenewed,    // its triggers no longer matched: written again, its history starts anew
  kUnchanged,  // was tracked and is; at most the retention changed
  kDisabled,
  kCleaned,  // `removed_entries`, which may be 0
  kSkipped,  // left alone; see `because`
};
std::string_view Name(TrackOutcome outcome);  // "enabled", ...

struct TrackedTableReport {
  std::string table;
  TrackOutcome outcome = TrackOutcome::kSkipped;
  std::string because;  // a phrase for people; empty when there is nothing to say
  std::int64_t removed_entries = 0;
};

struct TrackReport {
  std::string database_id;                 // empty: nothing is tracked
  std::vector<TrackedTableReport> tables;  // by name
};

struct TrackedTableStatus {
  std::string table;
  bool is_tracked = false;
  std::string because;  // why not, or what is wrong
  std::int64_t version = 0, min_valid_version = 0;
  std::int64_t entries = 0;                   // in the log
  std::int64_t oldest_entry_age_seconds = 0;  // 0: no entries
  std::int64_t retention_seconds = 0;
  std::vector<std::string> warnings;  // sentences for people
};

// All four open the file on their own and close it again. kNotFound: no such file, or a name or
// glob that matches no table. kDenied: the file or its folder cannot be written. kUnavailable:
// locked for longer than the time-out. kCorrupt: not a database. kCancelled: asked to stop.

// Makes every named table tracked, all in one transaction; those that cannot be are reported as
// skipped. May be repeated: what is tracked and intact stays as it is.
Result<TrackReport> EnableTracking(const std::string& path, const TrackOptions& options);

// Removes everything of ours for the named tables, in one transaction.
Result<TrackReport> DisableTracking(const std::string& path, const TrackOptions& options);

// Removes log entries older than the retention, 10,000 per transaction, never the newest one.
Result<TrackReport> CleanTracking(const std::string& path, const TrackOptions& options);

// Reads only.
Result<std::vector<TrackedTableStatus>> TrackingStatusOf(const std::string& path,
                                                         const TrackOptions& options);

// One table's registration, as one read transaction sees it.
struct TrackedTable {
  std::int64_t id = 0;
  std::string incarnation;
  std::int64_t retention_seconds = 0;
  std::int64_t cleaned_version = 0;  // of the newest entry that was removed; 0: none was
  std::string cleaned_nonce;
  std::int64_t anchor_rowid = 0;      // of the log in sqlite_schema; 0: the log is gone
  std::uint64_t triggers_digest = 0;  // of the triggers' names and texts; 0: none is there
};

struct TrackingDatabase {
  std::string database_id;
  std::map<std::string, TrackedTable> tables;  // by the table's present name, lower case (ASCII)

  // Null: not registered.
  const TrackedTable* Find(std::string_view table) const;
};

// Everything about tracking in `main`, in three statements whatever the number of tables; nothing:
// no table is tracked. Valid as long as the read transaction.
Result<std::optional<TrackingDatabase>> ReadTracking(Connection& connection);

struct TrackingStatus {
  bool is_tracked = false;
  std::string untracked_because;  // empty when tracked
  Position current;               // all empty when not tracked
  std::int64_t min_valid_version = 0;
  History history = History::kSame;
  std::int64_t retention_seconds = 0;
};

// What the log says of one table, from its newest entry; the table itself is not touched. `last`:
// null or how far it was read before, possibly without tracking (no incarnation: never a break in
// history). `current` of a table with History::kSchemaChanged is not to be relied on as a position:
// its triggers miss changes until `track enable` runs again.
Result<TrackingStatus> StatusOf(Connection& connection, const TrackingDatabase& database,
                                const CatalogTable& table, const Position* last);

// Why a table cannot be tracked, judged by its declaration alone; empty: it can.
std::string UntrackableBecause(const CatalogTable& table);

// "_tidemark_log_7", quoted.
std::string LogName(std::int64_t id);

}  // namespace tidemark::sqlite
