// tidemark as a library: SQL databases landed as files, whole or only what changed, exactly once.
//
//   auto pipeline = tidemark::Pipeline::FromFile("pipeline.yaml");
//   if (!pipeline) return Say(pipeline.error().message);
//   auto result = pipeline->Sync();
//
// Needs C++23. Nothing throws; what fails is a Failure. Times are microseconds since 1970, UTC.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
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

struct Failure {
  FailureKind kind = FailureKind::kInternal;
  std::string message;  // lower case, names the thing and the value; never holds a secret
  std::string hint;     // the way out, where it is known
};

// What is asked of one table.
struct PipelineTable {
  std::string name;
  std::string mode;  // full, incremental, full_incremental; empty: the pipeline's
  int scd_type = 0;  // 1 or 2; 0: as 1
  bool soft_delete = false;
  std::vector<std::string> columns, exclude;  // no columns: all. The key is always landed
  std::vector<std::string> hash;              // landed as a keyed hash; needs hash_key
  std::string where;                          // a condition in the source's SQL; empty: all rows
};

struct PipelineDatabase {
  std::string name;                   // as paths have it
  std::string path;                   // of the SQLite file
  std::string schema = "main";        // as paths have it: SQLite itself has no schemas
  std::vector<PipelineTable> tables;  // none: all
};

// A pipeline without a file. What is empty or 0 is as the configuration file has it by default.
struct PipelineOptions {
  std::string to;  // the destination: a folder
  std::vector<PipelineDatabase> databases;
  std::string mode, format, compression;
  std::optional<int> compression_level;
  std::int64_t row_group_rows = 0, max_rows_per_file = 0, memory_bytes = 0, lock_timeout_ms = 0;
  int workers = 0;
  std::string temp_dir, hash_key;
};

// How a run goes on.
struct ProgressEvent {
  enum class Kind : std::uint8_t { kPlanned, kBegan, kAdvanced, kEnded };
  Kind kind = Kind::kPlanned;
  int tables = 0;                       // kPlanned: how many of a database are worked on
  std::string database, schema, table;  // but for kPlanned
  std::int64_t estimated_rows = 0;      // kPlanned, kBegan
  std::int64_t rows = 0, bytes = 0;     // kAdvanced: since the last one
  bool is_ok = true;                    // kEnded
};

// One run of a pipeline.
struct RunOptions {
  std::vector<std::string> include, exclude;  // globs over schema.table, among the pipeline's
  std::string mode;                           // for all tables; empty: each one's own
  bool adopts_moved_source = false;           // go on with what was landed from another place
  std::stop_token stop;                       // asks to stop at the next safe point
  // Called from many threads, at batches, never per row; must not block nor throw.
  std::function<void(const ProgressEvent&)> progress;
};

struct TableResult {
  std::string database, schema, table;
  std::string status;  // ok, failed, skipped
  bool is_incremental = false;
  std::string reason;  // as `tidemark sync --json` spells it
  std::int64_t rows = 0, inserted = 0, updated = 0, deleted = 0, bytes = 0;  // of Plan: -1 unknown
  std::int64_t version = 0;
  std::optional<std::int64_t> since_version;
  std::vector<std::string> files;  // below the destination
  std::int64_t duration_us = 0;
  std::optional<Failure> failure;
  std::vector<std::string> warnings;
};
struct SyncResult {
  std::string run_id;  // of several databases: the first's
  std::int64_t started_us = 0, duration_us = 0, rows = 0, bytes = 0;
  int failed = 0;
  std::vector<TableResult> tables;  // by name
};

struct TableCheck {
  std::string database, schema, table;
  bool is_equal = false;
  std::int64_t rows_source = 0, rows_landed = 0, missing = 0, extra = 0, different = 0, pending = 0;
  std::vector<std::string> examples, warnings;
  std::optional<Failure> failure;  // it could not be compared
};
struct VerifyResult {
  std::int64_t duration_us = 0;
  int failed = 0;  // differ, or could not be compared
  std::vector<TableCheck> tables;
};

struct TableStanding {
  std::string database, schema, table;
  std::int64_t version = 0, rows = 0, files = 0;
  std::string last_mode, last_reason, last_run_id;
  std::int64_t last_run_us = 0;            // when it last landed something
  std::int64_t checked_us = 0;             // when it was last known to be in step
  std::optional<std::int64_t> expires_us;  // when changes since then begin to be lost
  std::optional<Failure> failure;          // its record cannot be read
};

// Tables of some databases and where they are landed. A value: cheap to copy, usable from many
// threads; each call opens what it needs and closes it. Runs at once do no harm: a table is landed
// by one of them, the other finds it taken.
class Pipeline {
 public:
  // YAML, or JSON where the name ends in .json; variables from the environment and .env.
  static std::expected<Pipeline, Failure> FromFile(const std::string& file);
  static std::expected<Pipeline, Failure> FromOptions(const PipelineOptions& options);

  // Lands what changed, everything the first time. A Failure: nothing could be done at all, or the
  // run was stopped (kCancelled; what was committed stays). Else each table's outcome is told.
  std::expected<SyncResult, Failure> Sync(const RunOptions& run = {}) const;
  // What Sync would do; writes nothing.
  std::expected<SyncResult, Failure> Plan(const RunOptions& run = {}) const;
  // Folds what was landed and compares it with the source, row by row.
  std::expected<VerifyResult, Failure> Verify(const RunOptions& run = {}) const;
  // From the destination alone.
  std::expected<std::vector<TableStanding>, Failure> Status() const;

 private:
  struct Inside;
  explicit Pipeline(std::shared_ptr<const Inside> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Inside> inside_;
};

}  // namespace tidemark
