#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/failpoint.h"
#include "commit/state.h"
#include "model/table_name.h"

namespace tidemark {

// Where a table's objects are.
struct TableLayout {
  TableName name;
  TablePath path;
  std::string StateKey() const;         // _tidemark/state/<db>/<schema>/<table>.json
  std::string DataPrefix() const;       // data/<db>/<schema>/<table>/
  std::string WatermarkPrefix() const;  // watermarks/<db>/<schema>/<table>/
  std::string LockKey() const;          // …/.sync.lock
  std::string BasePrefix() const;       // current/<db>/<schema>/<table>/
  // current/…/<schema>_<table>_<timestamp>_part<N>.parquet
  std::string BaseKey(std::int64_t timestamp_us, int part, std::string_view extension) const;
  // data/…/<YYYY-MM-DD>/<schema>_<table>_<timestamp>_part<N>.parquet
  std::string FileKey(std::int64_t timestamp_us, int part, std::string_view extension) const;
};

// The timestamp in a data file's key; -1: not one of ours.
std::int64_t FileTimestamp(std::string_view key);

// What one run commits of one table.
struct LandingCommit {
  Position position;
  std::string source_identity, fingerprint;
  std::int64_t schema_version = 0;
  std::vector<Column> columns;
  std::vector<std::string> key;
  // As in LandedState. Forgotten when older files go.
  std::int64_t last_field_id = 0;
  std::vector<Column> dropped;
  std::vector<FormerName> former_names;
  LandedConfig config;
  Presentation presentation;  // as far as it is said
  std::int64_t retention_seconds = 0;
  std::int64_t adopted_us = 0;        // as in LandedState; 0: stays as it is
  bool replaces_older_files = false;  // this run's files are the table; all older ones are removed
  RunSummary summary;                 // files, bytes and finished_us are filled in
};

// What `compact` commits of one table: its files become the base. Rows above all: what it covers is
// every data file that was there when the table was taken.
struct BaseCommit {
  int scd_type = 1;
  bool soft_delete = false;
  std::int64_t rows = 0;
  Presentation presentation;  // as far as it is said
};

// One run's turn on one table; one thread at a time.
//   Take       finish what an earlier run committed, fence it off (epoch + 1), sweep what it left
//   StartFile, SealFile…
//   Commit     one conditional write; from here the run is done, whoever publishes
//   then publish, remove, write the views for others, clear `pending`: each may be repeated by
//   anyone
class Landing {
 public:
  // Reads the state without taking it: a table with nothing new needs no write. Absent: a new
  // state.
  static Result<LandedState> Peek(ObjectStore& store, const TableLayout& layout);

  // kConflict: another run took the table at this moment. kCorrupt: the state cannot be read, or
  // what an earlier run committed is gone. `run_id`: letters, digits, '-'; another one for every
  // run.
  // `load`: whether this run goes on with the load that an earlier one left unfinished; else what
  // that one sealed is swept.
  enum class EarlierLoad : bool { kDrop, kKeep };
  static Result<Landing> Take(ObjectStore& store, TableLayout layout, std::string run_id,
                              Clock& clock, EarlierLoad load = EarlierLoad::kDrop);

  const LandedState& state() const { return state_; }
  // Of this run's first file; a later set of files (catch-up) asks for the next.
  std::int64_t timestamp_us() const { return first_timestamp_us_; }

  // `extension`: ".parquet".
  Result<std::unique_ptr<Upload>> StartFile(int part, std::string_view extension);
  // Of a base: one of two kinds of files that a run starts, never both.
  Result<std::unique_ptr<Upload>> StartBaseFile(int part, std::string_view extension);
  Status SealFile(Upload& upload);
  // SealFile in two steps, so that lanes need not wait for each other's disk: the first from any
  // thread.
  static Result<SealedObject> Seal(Upload& upload);
  void Add(SealedObject sealed) { sealed_.push_back(std::move(sealed)); }
  std::int64_t sealed_bytes() const;

  // Files started from here on sort after all started before: the changes that a load catches up
  // with.
  void AdvanceTimestamp();

  // A first load, slice by slice. Begin names all slices and writes nothing; Keep makes objects
  // that were added, and the slices whose rows they hold, a part of the state, so that a later run
  // can go on from there; kConflict as Commit. Commit lands what was kept together with the rest.
  void BeginLoad(UnfinishedLoad load);
  Status KeepOfLoad(std::span<const SealedObject> objects, std::span<const std::string> slices,
                    std::int64_t rows);
  // All of it is to be read again.
  Status DropLoad();

  // Drops what this run sealed so far, but for what was kept of a load: a column turned out wider,
  // all is read again.
  Status DiscardSealed();

  // kConflict: the table was taken by another run; nothing of this one will ever be visible.
  // Success from the moment the state is replaced, even if another run then publishes for us, or if
  // publishing fails (a warning is logged; the next run's Take ends it). Any other error: it may
  // have happened; the next Take knows. Once.
  Status Commit(LandingCommit commit);

  // As Commit, but the base that this one replaces stays until FinishRemoval, which comes once the
  // views for others name the new one. Whoever dies in between: the next Take ends it.
  Status CommitBase(const BaseCommit& commit);
  // Commits that the data files below the base are no part of the table any more. Once the base is
  // visible; they too stay until FinishRemoval.
  Status CommitPrune();
  Status FinishRemoval();

 private:
  Landing(ObjectStore& store, TableLayout layout, Clock& clock)
      : store_(&store), layout_(std::move(layout)), clock_(&clock) {}
  LandedState Committed(const LandingCommit& commit) const;
  Result<std::vector<std::string>> OlderFiles(std::int64_t timestamp_us) const;
  Status CommitState(const LandedState& next);
  Status ReplaceCommitted(const LandedState& next);
  bool HasHappened(const LandedState& next, const LandedState& stored) const;
  Status Replace(const LandedState& next, Failpoint before, Failpoint after);
  Status FinishCommitted();
  Status PublishAndClear();
  Status RemoveOlder();
  Status Sweep();

  ObjectStore* store_;
  TableLayout layout_;
  Clock* clock_;
  LandedState state_;
  std::string etag_;  // of state_ as stored; empty: absent
  std::int64_t first_timestamp_us_ = 0;
  bool keeps_older_ = false;        // what is to be removed waits for FinishRemoval
  bool are_views_written_ = false;  // the shared ones, of what FinishRemoval makes true
  std::vector<SealedObject> sealed_;
};

}  // namespace tidemark
