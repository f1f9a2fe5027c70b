#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "commit/landing.h"

namespace tidemark {

// The views of a table's state that others read (watermarks.json, sync_history.jsonl, schema.json),
// written from the state alone, so that anyone may write them again.
// What stands in a foreign or broken file is kept aside with a warning, never silently lost.
Status WriteViews(ObjectStore& store, const TableLayout& layout, const LandedState& state);

// `schema_version` in schema.json: names and types of the columns as a number of 60 bits.
std::int64_t SchemaVersion(const std::vector<Column>& columns);

struct SharedTable {
  const TableLayout* layout;
  const LandedState* state;
};

// The views that all tables of a destination share: output.yaml, views/duckdb.sql, views/spark.sql.
// Called once at the end of a run with every table it looked at, those without changes too: each
// part of views/ names the state it was written from, so that what a dead run left undone is found
// and made good. Where all is as it should be nothing is written. Others may do the same meanwhile.
Status WriteSharedViews(ObjectStore& store, std::span<const SharedTable> tables);

// `watermarks.json` of a folder that has no state of ours: another system's, to be adopted.
// Nothing: there is none. kCorrupt: it cannot be read.
Result<std::optional<std::int64_t>> ForeignWatermark(ObjectStore& store, const TableLayout& layout);

// _tidemark/runs/<run id>.json: which files of which tables belong to one cut.
struct RunRecordTable {
  TableName name;
  std::string status;  // ok | failed | skipped
  std::int64_t version = 0;
  std::vector<std::string> files;
};
struct RunRecord {
  std::string run_id, source_identity;
  std::int64_t started_us = 0, finished_us = 0;
  std::vector<RunRecordTable> tables;
};
Status WriteRunRecord(ObjectStore& store, const RunRecord& record);

// Why the last run of a table failed.
struct FailureNote {
  std::int64_t at_us = 0;
  std::string run_id, kind, message, hint;
  bool operator==(const FailureNote&) const = default;
};

// One object per database notes the last run, when each idle table was last found in step, so that
// an idle table costs no write of its own, and which tables failed.
struct IdleNote {
  std::string run_id;
  std::map<std::string, std::int64_t> checked_us;  // by Display(name)
  std::map<std::string, FailureNote> failed;       // likewise, until a run of the table succeeds
  std::vector<std::int64_t> runs_us;               // when the newest runs began, oldest first
  std::vector<std::string> landed;                 // of Write alone: tables that failed no more
};
inline constexpr std::size_t kRunsNoted = 10;
// `database`: its name. Tables and runs that are noted already and not in `note` stay. kCorrupt of
// Read: the object is not ours; Write replaces it.
Status WriteIdleNote(ObjectStore& store, std::string_view database, IdleNote note);
Result<std::optional<IdleNote>> ReadIdleNote(ObjectStore& store, std::string_view database);

}  // namespace tidemark
