// tidemark as a library: SQL databases landed as files, whole or only what changed, exactly once.
// The program `tidemark` is made of what stands here and of nothing beside it.
//
//   auto pipeline = tidemark::Pipeline::FromFile("pipeline.yaml");
//   if (!pipeline) return Say(pipeline.error().message);
//   auto result = pipeline->Sync();
//
// Needs C++23. Nothing throws; what fails is a Failure. Times are microseconds, points in time
// those since 1970, UTC. Warnings that belong to no table go to stderr.
#pragma once
#include <compare>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark {

// What the caller may do about a failure; the text is only for people.
enum class FailureKind : std::uint8_t {
  kInvalid,  // the request or configuration is wrong
  kNotFound,
  kConflict,     // another run is at work
  kDenied,       // credentials or privileges
  kUnavailable,  // busy, unreachable, a full disk: may be tried again
  kCorrupt,      // data contradicts itself
  kUnsupported,
  kCancelled,
  kInternal,  // a bug of tidemark's
};
std::string_view Name(FailureKind kind);  // "invalid", "not_found", ...: as reports spell it

struct Failure {
  FailureKind kind = FailureKind::kInternal;
  std::string message;  // lower case, names the thing and the value; never holds a secret
  std::string hint;     // the way out, where it is known
  std::string about;    // the source or destination that could not be opened; empty: another matter
};

struct TableId {
  std::string database, schema, name;  // as paths have them
  auto operator<=>(const TableId&) const = default;
};

// ---- What is asked for. Empty, 0 or nothing: as the configuration file has it by default.

struct PipelineTable {
  std::string name;
  std::string mode;  // full, incremental, full_incremental; empty: the pipeline's
  int scd_type = 0;  // 1 or 2
  std::optional<bool> soft_delete;
  std::vector<std::string> columns, exclude;  // no columns: all. The key is always landed
  std::vector<std::string> hash;              // landed as a keyed hash; needs hash_key
  std::string where;                          // a condition in the source's SQL; empty: all rows
  std::string on_rename;                      // of a column: backfill, views
};

struct PipelineSchema {
  std::string name;                   // the source's; SQLite has none: any word, used in paths
  std::string catalog_name;           // in a catalogue (Unity Catalog); empty: `name`
  std::vector<PipelineTable> tables;  // none: all; one named "*": all others as well
};

struct PipelineDatabase {
  std::string name;      // as paths have it; empty: from the source. Needed with schemas
  std::string source;    // a SQLite file's path, or a URL; as the program's SOURCE
  std::string password;  // secret; empty: the source needs none, or has it
  // Of a server: "user", "encrypt", "ca_file", … as its URL and the configuration's `connection`
  // have them. Never printed: secrets may be among them.
  std::map<std::string, std::string> connection;
  std::string catalog_name;             // in a catalogue; empty: `name`
  std::vector<PipelineSchema> schemas;  // none: all tables
};

struct PipelineOptions {
  std::string to;                           // a folder or a URL, as the program's DEST
  std::vector<PipelineDatabase> databases;  // none: only Status and Compact can be asked for
  std::string mode, format, compression;
  std::optional<std::int64_t> compression_level;
  std::int64_t row_group_rows = 0, max_rows_per_file = 0, memory_bytes = 0;
  int workers = 0;
  std::optional<std::int64_t> lock_timeout_ms;
  int attempts = 0;  // at what is busy or unreachable, the first included
  std::optional<std::int64_t> first_wait_ms, longest_wait_ms;  // between attempts
  std::string temp_dir;
  std::string hash_key;  // secret
  // Access to object stores, by the keys of the configuration's `stores`: "s3.region", "azure.sas".
  std::map<std::string, std::string> stores;

  // What a configuration says: YAML, or JSON where the name ends in .json; variables from the
  // environment and .env.
  static std::expected<PipelineOptions, Failure> FromFile(const std::string& file);
};

// How a run goes on.
struct ProgressEvent {
  enum class Kind : std::uint8_t { kPlanned, kBegan, kAdvanced, kResumed, kRetried, kEnded };
  Kind kind = Kind::kPlanned;
  int tables = 0;                   // kPlanned: how many of a database are worked on
  TableId table;                    // but for kPlanned
  std::int64_t estimated_rows = 0;  // kPlanned, kBegan; 0: unknown
  // kAdvanced: since the last one. kResumed: read by an earlier run.
  std::int64_t rows = 0, bytes = 0;
  bool is_ok = true;  // kEnded. kRetried takes an end back
};

// A look at a part of each table, chosen at random: ranges of its key in the source, and as large a
// part of the landed keys.
struct Sample {
  std::int64_t rows = 0;   // of each table, about; 0: by share
  double share = 0;        // of each table's rows, up to 1; 0 with no rows: all of them
  std::uint64_t seed = 0;  // the same seed chooses the same of the same rows
};

// One run; each call takes what concerns it.
struct RunOptions {
  std::vector<std::string> include, exclude;  // globs over schema.table, among the pipeline's
  std::string mode;                           // for all tables; empty: each one's own
  bool adopts_moved_source = false;           // go on with what was landed from another place
  Sample sample;                              // Verify
  bool prunes = false;                        // Compact: removes the files that are folded in
  bool asks_sources = false;                  // Status: looks at the databases too
  std::stop_token stop;                       // asks to stop at the next safe point
  // Called from many threads, at batches, never per row; must not block nor throw.
  std::function<void(const ProgressEvent&)> progress;
};

// ---- What is told.

enum class Outcome : std::uint8_t { kOk, kFailed, kSkipped };
std::string_view Name(Outcome outcome);  // "ok", "failed", "skipped"

// One of several databases of a run.
struct DatabaseResult {
  std::string name;
  std::string run_id;              // of its record; empty where nothing was written
  std::optional<Failure> failure;  // nothing could be done: all of its tables failed
};

struct TableResult {
  TableId table;
  Outcome outcome = Outcome::kOk;
  bool is_incremental = false;
  std::string reason;  // as `tidemark sync --json` spells it; more may come
  std::int64_t rows = 0, inserted = 0, updated = 0, deleted = 0, bytes = 0;  // of Plan: -1 unknown
  std::int64_t version = 0;
  std::optional<std::int64_t> since_version;
  std::vector<std::string> files;  // below the destination
  std::int64_t duration_us = 0;
  int attempts = 1;
  std::int64_t waited_us = 0;     // between the attempts
  std::int64_t resumed_rows = 0;  // of `rows`: read by an earlier run, whose load this one ended
  std::optional<Failure> failure;
  std::vector<std::string> warnings;
};
struct SyncResult {
  std::string run_id;  // of several databases: the first's
  std::int64_t started_us = 0, duration_us = 0, waited_us = 0, rows = 0, bytes = 0;
  int failed = 0;
  std::vector<TableResult> tables;        // by name
  std::vector<DatabaseResult> databases;  // of a run over several; none: it was about one
  // The run was stopped: what was committed stays; tables that it did not come to have failed as
  // kCancelled.
  bool is_stopped = false;
};

// One of the runs of a service.
struct ServiceRun {
  std::expected<SyncResult, Failure> result;
  std::int64_t started_us = 0, duration_us = 0;
  std::int64_t next_us = 0;  // when the next one is due
};

struct TableCheck {
  TableId table;
  bool is_equal = false;
  std::int64_t rows_source = 0, rows_landed = 0, missing = 0, extra = 0, different = 0, pending = 0;
  std::int64_t estimated_rows = 0;    // of which a sample took rows_source
  std::vector<std::string> examples;  // "missing: id=42": a few of each of the four
  std::vector<std::string> warnings;
  std::optional<Failure> failure;  // it could not be compared
};
struct VerifyResult {
  std::int64_t duration_us = 0;
  int failed = 0;                // differ, or could not be compared
  std::optional<Sample> sample;  // set: only a part was looked at
  std::vector<TableCheck> tables;
  std::vector<DatabaseResult> databases;  // as SyncResult's
};

struct CompactedTable {
  TableId table;
  Outcome outcome = Outcome::kOk;
  bool has_changed = false;  // false: there was nothing to fold and nothing to prune
  int scd_type = 1;
  bool soft_delete = false;
  std::int64_t version = 0, rows = 0, bytes = 0;  // of the new base
  std::vector<std::string> files;                 // of the new base, below the destination
  std::int64_t pruned_files = 0;
  std::int64_t duration_us = 0;
  std::optional<Failure> failure;
};
struct CompactResult {
  std::string run_id;
  std::int64_t started_us = 0, duration_us = 0;
  int failed = 0;
  std::vector<CompactedTable> tables;  // by name
};

struct TableStanding {
  TableId table;
  std::int64_t version = 0, files = 0;
  std::int64_t rows = 0;  // in those files: every change is a row of its own
  std::string last_mode, last_reason, last_run_id;
  std::int64_t last_run_us = 0;              // when it last landed something
  std::int64_t checked_us = 0;               // when it was last known to be in step
  std::optional<std::int64_t> expires_us;    // when changes since then begin to be lost
  std::int64_t retention_us = 0;             // how long its source keeps changes; 0: not known
  std::optional<std::int64_t> interval_us;   // between runs, as a rule
  std::optional<std::int64_t> loading_rows;  // of an unfinished first load: read so far
  std::optional<Failure> last_failure;       // of its last run, had that one failed
  std::string last_failure_run_id;
  std::int64_t last_failure_us = 0;
  // Of its source, where that was asked.
  std::string next_reason;                   // of what a sync would do now; empty: not known
  std::optional<std::int64_t> lag_versions;  // that are not landed; 0: none
  std::vector<std::string> warnings;
  std::optional<Failure> failure;  // its record cannot be read
};
struct StatusResult {
  std::vector<TableStanding> tables;      // by name; those chosen, where databases are named
  std::vector<TableId> others;            // at the destination, and not chosen
  std::vector<DatabaseResult> databases;  // that could not be asked, and why
  std::vector<std::string> warnings;      // of the destination as a whole
};

// Tables of some databases and where they are landed. A value: cheap to copy, usable from many
// threads; each call opens what it needs and closes it. Runs at once do no harm: a table is landed
// by one of them, the other finds it taken.
class Pipeline {
 public:
  // FromOptions(PipelineOptions::FromFile(file)).
  static std::expected<Pipeline, Failure> FromFile(const std::string& file);
  // kInvalid: no destination, an unknown word, a level that the compression does not have.
  static std::expected<Pipeline, Failure> FromOptions(const PipelineOptions& options);

  // Lands what changed, everything the first time. A Failure: nothing could be done at all, or the
  // run was stopped before any table was known (kCancelled). Else each table's outcome is told.
  std::expected<SyncResult, Failure> Sync(const RunOptions& run = {}) const;
  // Sync at once, and again whenever `every_us` have passed since the last one began, or as soon as
  // that one is done; up to a tenth of that later, so that many services do not come together.
  // `ended` is told of each run and says whether to go on. Returns when it does not, or once
  // `run.stop` is asked for.
  void SyncEvery(std::int64_t every_us, const RunOptions& run,
                 const std::function<bool(const ServiceRun&)>& ended) const;
  // What Sync would do; writes nothing.
  std::expected<SyncResult, Failure> Plan(const RunOptions& run = {}) const;
  // Folds what was landed and compares it with the source, row by row.
  std::expected<VerifyResult, Failure> Verify(const RunOptions& run = {}) const;
  // Folds what was landed of every table into a new base under current/. Needs no source.
  std::expected<CompactResult, Failure> Compact(const RunOptions& run = {}) const;
  // What the destination says of its tables; with `asks_sources` also how far it is behind.
  std::expected<StatusResult, Failure> Status(const RunOptions& run = {}) const;

 private:
  struct Inside;
  explicit Pipeline(std::shared_ptr<const Inside> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Inside> inside_;
};

}  // namespace tidemark
