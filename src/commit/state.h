#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/table.h"
#include "object/object_store.h"

namespace tidemark {

// The last run of a table, kept so that the views for others can be written again after a crash.
struct RunSummary {
  std::string run_id;
  std::string mode;    // full | incremental
  std::string reason;  // as `sync --json` spells it
  std::int64_t version = 0;
  std::optional<std::int64_t> since_version;
  std::int64_t rows = 0, inserted = 0, updated = 0, deleted = 0, bytes = 0;
  std::vector<std::string> files;  // keys
  std::int64_t duration_ms = 0;
  std::int64_t finished_us = 0;
  bool operator==(const RunSummary&) const = default;
};

// How rows lie in files: the table's own columns, or the same columns for every table.
inline constexpr const char* kPerTableFormat = "per_table";
inline constexpr const char* kUnifiedFormat = "unified";

// What else a landing decides on: a change of it means config_changed.
struct LandedConfig {
  std::string format = kPerTableFormat;
  std::string fingerprint;  // of column choice and filter; empty: all columns and rows
  std::string hashing;      // of what is hashed, and by which key; empty: nothing
  bool operator==(const LandedConfig&) const = default;
};

// A first load that has not come to its end: what a later run needs to go on with it. Its fence is
// the position of the snapshot that it began with; rows read later come from newer snapshots, and
// the changes since the fence, landed after all of them, make the whole exact.
struct UnfinishedLoad {
  Position fence;
  Position newest;  // of the newest snapshot that any of its rows came from
  std::string source_identity, fingerprint;
  std::int64_t schema_version = 0;
  std::vector<Column> columns;  // of its files
  std::vector<std::string> key;
  LandedConfig config;
  std::vector<std::string> slices;   // tokens of those still to be read, in order
  std::vector<SealedObject> sealed;  // files of all other slices, in no published state
  std::int64_t rows = 0;             // in `sealed`
};

// How a table is shown to readers. What a run does not say stays as it was.
struct Presentation {
  std::string catalog, schema;      // names in a catalog; empty: the database's, the schema's own
  int scd_type = 0;                 // 1 or 2; 0: not said, as 1
  std::optional<bool> soft_delete;  // none: not said, as false
  bool operator==(const Presentation&) const = default;

  // This, with what `said` says instead.
  Presentation With(const Presentation& said) const;
};

// What `compact` made of all data files below a moment: the rows under current/.
struct LandedBase {
  struct File {
    std::string key;
    std::int64_t size_bytes = 0;
    bool operator==(const File&) const = default;
  };
  // Of its files; the data files below it are folded in, those above fold over it. 0: none.
  std::int64_t timestamp_us = 0;
  std::int64_t version = 0;  // how far its rows were read
  int scd_type = 1;          // 2: it holds closed versions too
  bool soft_delete = false;  // it holds deleted rows too
  bool has_pruned = false;   // it alone knows what some removed data files held
  std::int64_t rows = 0;
  std::int64_t data_files = 0;  // that are folded in and are still there
  std::vector<File> files;
  bool is_there() const { return timestamp_us > 0; }
  bool operator==(const LandedBase&) const = default;
};

// The columns that rows of a base have beside the table's own.
inline constexpr const char* kStartVersionColumn = "__start_version";  // int64; SCD 2
inline constexpr const char* kEndVersionColumn = "__end_version";      // int64; null: still so
inline constexpr const char* kIsCurrentColumn = "__is_current";        // bool
inline constexpr const char* kIsDeletedColumn = "_is_deleted";         // bool; soft delete

// Files older than `until_us` have the column `field_id` under this name, not its present one.
struct FormerName {
  std::int64_t field_id = 0;
  std::string name;
  std::int64_t until_us = 0;  // the timestamp of the first files that have the next name
  bool operator==(const FormerName&) const = default;
};

// What is known of one table at its destination. One small object, replaced only under the etag it
// was read with: that replacement is the commit, the lock and the fence.
struct LandedState {
  TableName name;
  std::int64_t epoch = 0;  // grows each time a run takes the table
  std::string run_id;      // of the run that took it: two Takes never write the same bytes
  std::int64_t last_timestamp_us = 0;  // of the newest file name given out; strictly increases
  bool is_loaded = false;
  Position position;                // how far it was read
  std::string source_identity;      // one destination, one source
  std::string fingerprint;          // Table::fingerprint of what was landed
  std::int64_t schema_version = 0;  // TableStatus::schema_version of what was landed
  std::vector<Column> columns;      // of the files; types never narrow
  std::vector<std::string> key;
  std::int64_t last_field_id = 0;        // of all that were given out; none is given out again
  std::vector<Column> dropped;           // in older files only: dropped, renamed, not chosen
  std::vector<FormerName> former_names;  // of renamed columns whose rows were not landed again
  LandedConfig config;
  Presentation presentation;
  LandedBase base;
  std::int64_t base_timestamp_us = 0;  // data files below this are not part of the table any more
  // Files of another program that are not newer than this belong to the table, in the order in
  // which they were written, before all of ours. 0: there are none.
  std::int64_t adopted_us = 0;
  std::int64_t retention_seconds = 0;
  std::int64_t live_files = 0, live_rows = 0;  // what a fold should find, at or above the base
  std::int64_t landed_at_us = 0;               // when the position was last written
  std::vector<SealedObject> pending;           // committed, perhaps not yet visible
  std::vector<std::string> remove;             // committed to be deleted once pending is visible
  std::optional<UnfinishedLoad> load;          // none of it is visible
  RunSummary last_run;
};

// Names the state that views for others were written from: another one after each commit.
std::string Stamp(const LandedState& state);

// JSON with a format version; types by Arrow's names. kCorrupt names what does not fit.
std::string Serialize(const LandedState& state);
Result<LandedState> ParseState(std::string_view text);

// Where a destination's states are.
inline constexpr std::string_view kStatePrefix = "_tidemark/state/";
// Every state of a destination, also those that cannot be read, with its key.
Status ForEachState(ObjectStore& store,
                    const std::function<Status(const std::string&, Result<LandedState>)>& each);

// The name of a table's column in files of that timestamp; nothing: they do not have it, whatever
// stands there under its name.
std::optional<std::string> NameInFiles(const LandedState& state, const Column& column,
                                       std::int64_t timestamp_us);

// Arrow types as states and schema histories spell them: int64, double, bool, utf8, binary, date32,
// timestamp[us], ...
std::string TypeName(const arrow::DataType& type);
Result<std::shared_ptr<arrow::DataType>> TypeFromName(std::string_view name);

}  // namespace tidemark
