#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "encode/encoder.h"
#include "object/object_store.h"
#include "source/source.h"
#include "sync/progress.h"

namespace tidemark {

enum class Mode { kFull, kIncremental, kFullIncremental };
Result<Mode> ParseMode(std::string_view name);
std::string_view Name(Mode mode);

// Why a table is read in the way it is; Name() spells it as `sync --json` does.
enum class Reason {
  kFirstLoad,
  kModeFull,
  kChanges,
  kNoChanges,
  kNoTracking,
  kExpired,
  kRecreated,
  kRestored,
  kTruncated,
  kSchemaChanged,
  kConfigChanged,
  kKeyChanged,
  kWidened
};
std::string_view Name(Reason reason);

// What happens to landed rows when a column is renamed.
enum class OnRename {
  kBackfill,  // they are landed again under the new name, so that plain globs see one table
  kViews,     // only schema.json, field ids, views and `compact` follow it
};

// What is asked of one table beyond the run's own options. Column names are compared without case.
struct TableSettings {
  std::optional<Mode> mode;                   // none: the run's
  int scd_type = 0;                           // 1 or 2; 0: not said, as 1
  std::optional<bool> soft_delete;            // none: not said, as false
  std::vector<std::string> columns, exclude;  // no columns: all. The key is always landed
  std::vector<std::string> hash;              // landed as HMAC-SHA-256 of their values
  std::string where;                          // a condition in the source's SQL; empty: all rows
  OnRename on_rename = OnRename::kBackfill;
};

// How often what is transient (something busy or unreachable, another run in the way) is tried
// again. Tables that failed so are surveyed and read again together, from a newer snapshot, once
// the others are done: a run waits at most `attempts` - 1 times.
struct RetryOptions {
  int attempts = 5;  // per table and run, the first one included
  // The wait is chosen at random up to a limit that doubles each time.
  std::int64_t first_wait_ms = 500, longest_wait_ms = 30'000;
};

// A look at a part of each table, chosen at random in ranges of its key.
struct SampleOptions {
  std::int64_t rows = 0;   // of each table, about; 0: by share
  double share = 0;        // of each table's rows, up to 1; 0 with no rows: all of them
  std::uint64_t seed = 0;  // the same seed chooses the same ranges of the same rows
  bool is_asked() const { return rows > 0 || share > 0; }
};

// What a run is asked to do. The command line and the configuration file fill it.
struct SyncOptions {
  std::vector<std::string> include, exclude;  // globs over schema.table; no include: all
  std::set<TableName> only;                   // not empty: of those chosen, only these
  // By Display(name): no others are looked at. Nothing: all that the globs choose.
  std::optional<std::set<std::string>> chosen;
  Mode mode = Mode::kFullIncremental;
  std::map<std::string, TableSettings> table_settings;  // by Display(name): "schema.table"
  std::string hash_key;                                 // secret: of TableSettings::hash
  // Names in a catalog (Unity Catalog), for output.yaml and unified files; empty or absent: the
  // database's and the schema's own.
  std::string catalog;
  std::map<std::string, std::string> catalog_schemas;  // by schema
  RetryOptions retry;
  SampleOptions sample;  // of verify
  std::string format = "per_table";
  FormatOptions encoding;
  std::int64_t max_rows_per_file = 10'000'000;
  int workers = 0;  // 0: cores
  std::int64_t memory_bytes = 128 << 20;
  std::string temp_dir;              // empty: TMPDIR, else the destination's own on disk
  bool adopts_moved_source = false;  // --adopt
  std::stop_token stop;
  Clock* clock = &SystemClock();
  Random* random = &SystemRandom();
  Progress* progress = nullptr;  // may be null

  // Of one table; the defaults where nothing is said.
  const TableSettings& SettingsOf(const TableName& name) const;
  Mode ModeOf(const TableName& name) const;
};

// Where private copies and partitions go: what was asked for, else TMPDIR, else a folder of the
// destination's own where it is on disk (made when absent), else the system's.
std::string TempDir(const std::string& asked, const ObjectStore& store);

enum class TableOutcome { kOk, kFailed, kSkipped };
std::string_view Name(TableOutcome outcome);

struct TableReport {
  TableName name;
  TableOutcome outcome = TableOutcome::kOk;
  bool is_incremental = false;
  Reason reason = Reason::kFirstLoad;
  std::int64_t rows = 0, inserted = 0, updated = 0, deleted = 0, bytes = 0;
  std::int64_t version = 0;
  std::optional<std::int64_t> since_version;
  std::vector<std::string> files;
  std::int64_t duration_us = 0;
  int attempts = 1;
  std::int64_t waited_us = 0;     // between the attempts
  std::int64_t resumed_rows = 0;  // of `rows`: read by an earlier run, whose load this one ended
  std::optional<Error> error;
  std::vector<std::string> warnings;
};

// One of several databases that a run was about.
struct DatabaseOutcome {
  std::string name, source;
  std::string run_id;          // of its record; empty where nothing was written
  std::optional<Error> error;  // nothing could be done about it: all of its tables failed
};

struct SyncReport {
  std::string run_id;
  std::int64_t started_us = 0, duration_us = 0;
  std::int64_t waited_us = 0;              // to try again what was transient
  std::vector<TableReport> tables;         // by name
  std::vector<DatabaseOutcome> databases;  // of a run over several; empty: it was about one
  // It was told to stop: what it did not come to has failed as kCancelled, and nothing of that is
  // visible.
  bool is_stopped = false;
  std::int64_t rows() const, bytes() const;
  int failed() const;
};

// Lands every chosen table. An error: nothing could be done at all (source or store unusable, all
// locked); else each table's outcome is in the report. kCancelled: stopped
// before any table was known.
Result<SyncReport> Sync(Source& source, ObjectStore& store, const SyncOptions& options);

inline constexpr std::int64_t kRowsUnknown = -1;
// What Sync would do; writes nothing. `rows` are estimates for loads, or kRowsUnknown.
Result<SyncReport> Plan(Source& source, ObjectStore& store, const SyncOptions& options);

struct VerifyTable {
  TableName name;
  std::optional<Error> error;  // could not be compared
  std::int64_t rows_source = 0, rows_landed = 0, missing = 0, extra = 0, different = 0, pending = 0;
  std::int64_t estimated_rows = 0;    // of which a sample took rows_source
  std::vector<std::string> examples;  // "missing: id=42": a few of each kind
  std::vector<std::string> warnings;
  bool is_equal() const { return !error && missing == 0 && extra == 0 && different == 0; }
};
struct VerifyReport {
  // Set: only a part of the source's rows was compared, and as large a part of the other landed
  // keys was looked up in the source.
  std::optional<SampleOptions> sample;
  std::vector<VerifyTable> tables;
  std::vector<DatabaseOutcome> databases;  // as SyncReport's
  std::int64_t duration_us = 0;
  int failed() const;
};
// Folds what was landed and compares it with the source, row by row.
Result<VerifyReport> Verify(Source& source, ObjectStore& store, const SyncOptions& options);

struct CompactTable {
  TableName name;
  TableOutcome outcome = TableOutcome::kOk;
  bool has_changed = false;  // false: there was nothing to fold and nothing to prune
  int scd_type = 1;
  bool soft_delete = false;
  std::int64_t version = 0, rows = 0, bytes = 0;  // of the new base
  std::vector<std::string> files;                 // of the new base
  std::int64_t pruned_files = 0;
  std::int64_t duration_us = 0;
  std::optional<Error> error;
};
struct CompactReport {
  std::string run_id;
  std::int64_t started_us = 0, duration_us = 0;
  std::vector<CompactTable> tables;  // by name
  int failed() const;
};
// Folds what was landed of every chosen table into a new base under current/, as its settings or,
// where they say nothing, its state want it shown. `prunes`: the data files that are folded in are
// removed once the base is there. The source is not needed. Errors as Sync's.
Result<CompactReport> Compact(ObjectStore& store, const SyncOptions& options, bool prunes);

struct StatusTable {
  TableName name;
  std::int64_t version = 0, live_rows = 0, live_files = 0;
  std::string last_mode, last_reason, last_run_id;
  std::int64_t last_run_us = 0;              // when it last landed something
  std::int64_t checked_us = 0;               // when it was last known to be in step
  std::optional<std::int64_t> expires_us;    // when changes since the watermark begin to be lost
  std::int64_t retention_seconds = 0;        // how long its source keeps changes; 0: not known
  std::optional<std::int64_t> interval_us;   // between runs, as a rule
  std::optional<std::int64_t> loading_rows;  // of an unfinished first load: read so far
  struct Failure {
    std::int64_t at_us = 0;
    std::string run_id, kind, message, hint;
  };
  std::optional<Failure> last_failure;  // of its last run, had that one failed
  std::vector<std::string> warnings;
  std::optional<Error> error;  // the state cannot be read
};
// From the destination alone.
Result<std::vector<StatusTable>> ReadStatus(ObjectStore& store);

}  // namespace tidemark
