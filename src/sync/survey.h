#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/worker_pool.h"
#include "commit/landing.h"
#include "sync/decide.h"

namespace tidemark {

// One table of a run: where it is, what was landed, what the source says, what follows.
struct SurveyedTable {
  TableLayout layout;
  LandedState state;
  std::optional<TableStatus> status;  // nothing: gone from the source, or it cannot be read
  Decision decision;
  std::optional<std::int64_t> foreign_version;  // of a watermark that was here before us
  bool has_lost_watermark = false;              // landed, and someone removed its watermarks.json
  TableReport report;  // skipped or failed already, where nothing can be done
  bool is_open() const { return status.has_value() && report.outcome == TableOutcome::kOk; }
};

struct Survey {
  std::string source_identity;
  std::vector<SurveyedTable> tables;  // by name
  std::unique_ptr<Snapshot> snapshot;
};

// Looks at source and destination without writing. States are read before the snapshot is taken, so
// that no stored position can be ahead of the snapshot, whoever else is at work.
// kInvalid: a glob that matches nothing, a destination that belongs to another source.
// `temp_dir`: as OpenSnapshot takes it.
Result<Survey> LookAround(Source& source, ObjectStore& store, WorkerPool& pool,
                          const SyncOptions& options, const std::string& temp_dir);

// "<id or -> <location>" of two looks at one database: the ids where both have one, else the
// locations.
bool IsSameSource(std::string_view a, std::string_view b);

// What decisions compare with LandedState::config. Tells nothing of the key that hashes.
LandedConfig ConfigOf(const SyncOptions& options, const TableName& name);

// Whether the options' globs choose a table.
bool IsChosen(const SyncOptions& options, const TableName& name);

// What the options say of how a table is shown to readers.
Presentation PresentationOf(const SyncOptions& options, const TableName& name);

// The error of one table, told with its name.
Error OfTable(const TableName& name, Error error);

}  // namespace tidemark
