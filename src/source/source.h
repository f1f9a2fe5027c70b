#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "model/table.h"

namespace tidemark {

// What became of the history that a stored position belongs to.
enum class History {
  kSame,       // changes since the position can be asked for, if it is not below the minimum
  kRecreated,  // another table of the same name, or its tracking was lost and set up again
  kRestored,   // the database went back to an older copy of itself
  kTruncated,
  kSchemaChanged,  // tracked, but no longer in the way the position relies on
};

// What a snapshot says of one table; all that the decision how to sync it needs.
struct TableStatus {
  Table table;
  Position current;
  std::optional<std::int64_t> min_valid_version;  // nullopt: changes are not tracked
  History history = History::kSame;
  std::string untracked_because;    // for people; empty when tracked
  std::string unsupported_because;  // not empty: the table cannot be landed at all, and why
  // Moves whenever any table of the database is defined anew, even where the definition reads the
  // same afterwards: a column dropped and added again. 0: the source cannot tell.
  std::int64_t schema_version = 0;
  std::int64_t retention_seconds = 0;  // how long changes are kept; 0: unknown or forever
  // Nothing changed since the position that Inspect was given: it has only to be moved on.
  bool is_unchanged = false;
  bool is_empty = false;     // it has no row, for certain
  bool has_estimate = true;  // false: nothing is known of how many rows the table has
  // Versions are the server's own, so that those which another program noted mean the same.
  bool has_server_versions = false;
};

// A table that Inspect will be asked about.
struct Question {
  TableName name;
  const Position* last = nullptr;  // as Inspect takes it
};

// What a run is about to read of one table.
struct ReadPlan {
  Table table;                                // with the column types to read as
  std::optional<std::int64_t> since_version;  // nullopt: all rows
};

// A part of one table, small enough to read again. Serialisable; only its source reads the token.
struct Slice {
  std::string token;
};

// One state of the whole database, until destroyed. Thread-safe; each stream is used by one thread
// at a time and must be destroyed before the snapshot.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // Once, before Inspect: all that it will be asked, for a source that can ask its server about
  // many tables together.
  virtual Status Expect(std::span<const Question> questions);
  // kNotFound: no such table in this state. `last`: how far the table was read before; the source
  // checks that its history still has that point.
  virtual Result<TableStatus> Inspect(const TableName& name, const Position* last) = 0;
  // Whether `table.where` can be read by: one condition over the columns of a row alone, so that a
  // row comes and goes only by a change of its own. kInvalid says what is wrong with it.
  virtual Status CheckWhere(const Table& table);
  // The columns to ask for, in place of `column`, to get each value just as it is stored, whatever
  // its type: the column, or one of bytes with its storage classes behind it.
  virtual std::vector<Column> AsStored(const Column& column) const { return {column}; }
  // Once, after Inspect and before any reading: what will be read. A source that must not stay in
  // the way of writers makes it safe here (a private copy, a spool) and lets go of the database.
  virtual Status Prepare(std::span<const ReadPlan> plans) = 0;
  // Slices cover each row once, in key order where there is a key. At least one.
  virtual Result<std::vector<Slice>> Split(const Table& table, std::int64_t target_rows) = 0;
  // Rows of one slice for which `table.where` holds.
  virtual Result<std::unique_ptr<BatchStream>> Read(const Table& table, const Slice& slice) = 0;
  // Net changes after `version`, ChangeSchema(table): a D has only the key, other columns are null.
  // A row for which `table.where` does not hold counts as gone.
  virtual Result<std::unique_ptr<BatchStream>> Changes(const Table& table,
                                                       std::int64_t version) = 0;
  // The keys of those rows of the table, for which `table.where` holds, that have one of `keys`:
  // the key's columns alone, in order of the key, as landed. `keys` has these columns by name.
  // kUnsupported: this source cannot look keys up, or not of this table.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> FindKeys(const Table& table,
                                                               const arrow::RecordBatch& keys);
  // What became of values and rows of the table that could not be given as they are, by policies
  // that this source names; as sentences for people, counted over all streams so far.
  virtual std::vector<std::string> WarningsOf(const TableName& name);
  // After a stream of this table failed with kMisfit: looks at every value and gives the table with
  // the narrowest columns that hold them all (never narrower than asked), its key empty when the
  // key cannot serve. Then everything of the table is read again with that.
  virtual Result<Table> Refit(const Table& table) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // What stays the same as long as it is the same database: stored with what was landed from it.
  virtual Result<std::string> Identity() = 0;
  // All tables a user would call theirs, ordered by name. Database and schema are filled in.
  virtual Result<std::vector<TableName>> ListTables() = 0;
  // `temp_dir`: a folder that exists, for private copies and spools; empty: the system's own.
  virtual Result<std::unique_ptr<Snapshot>> OpenSnapshot(const std::string& temp_dir) = 0;
};

// How a source is opened; a scheme takes what it knows.
struct SourceOptions {
  std::string database;  // the name used in paths; empty: from the location
  // The schema's name in paths, of a source that has no schemas; empty: its own word (main).
  std::string schema;
  std::string password;  // secret; empty: none is needed, or the location or environment has it
  std::int64_t lock_timeout_ms = 10'000;
  std::int64_t batch_rows = 16'384;
  std::int64_t batch_bytes = 4 << 20;  // a batch ends at whichever comes first
  std::int64_t memory_bytes = 128 << 20;
  int readers = 2;  // streams that will be read at once
  // How much a snapshot may make the source's write-ahead log grow before it moves to a private
  // copy.
  std::int64_t wal_budget_bytes = 64 << 20;
  // What else a configuration says of the connection, by the source's own names; never printed, as
  // a password may be among them.
  std::map<std::string, std::string> settings = {};
  std::stop_token stop;  // asked for between batches: kCancelled
};

// One entry per kind of source in source/registry.cc: `location` is what follows `scheme:`.
struct SourceKind {
  std::string_view scheme;
  Result<std::unique_ptr<Source>> (*open)(const std::string& location, const SourceOptions&);
};
std::span<const SourceKind> SourceKinds();

// A SOURCE or DEST as messages may show it: without the password and the parameters of a URL.
std::string WithoutSecrets(std::string_view text);

// `text`: PATH, sqlite:PATH, or a URL of a registered scheme. kInvalid: no such scheme.
Result<std::unique_ptr<Source>> OpenSource(const std::string& text, const SourceOptions& options);

}  // namespace tidemark
