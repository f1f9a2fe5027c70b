#pragma once
#include <optional>
#include <string>

#include "commit/state.h"
#include "source/source.h"
#include "sync/evolution.h"
#include "sync/sync.h"

namespace tidemark {

// How one table is brought in step.
enum class Action {
  kNothing,
  kLoad,           // all rows
  kChanges,        // what the source noted since the watermark
  kCompare,        // a keyed table without changes: landed rows against the source's
  kCompareOrLoad,  // a table without key: loaded again unless it is what was landed
};

struct Decision {
  Action action = Action::kNothing;
  Reason reason = Reason::kNoChanges;
  Table table;                        // with the column types to read as
  bool lands_deletes = false;         // of keys that were landed and are gone
  bool replaces_older_files = false;  // this run's files are the table
  Evolution evolution;                // of its columns since they were landed
  // A first load that an earlier run left unfinished: go on with it, or why that cannot be.
  bool goes_on = false;
  std::string starts_over_because;
  // The files of another program are gone on with: changes after the version that it had read.
  std::optional<std::int64_t> adopted_version;
  std::optional<Error> error;  // set: the table fails with it
};

// What a configuration says of a table, as far as it decides.
struct DecisionSettings {
  Mode mode = Mode::kFullIncremental;
  LandedConfig config;
  OnRename on_rename = OnRename::kBackfill;
  std::optional<std::int64_t> foreign_version;  // of a watermark that is not ours
};

// Why a load that an earlier run left unfinished cannot be gone on with; empty: it can. `status`
// must have been asked for with the load's newest position.
std::string WhyStartOver(const UnfinishedLoad& load, const TableStatus& status,
                         const LandedConfig& config);

// The table of cases of design.md section 6 and rules.md 3-6; pure. `state`: what is landed.
Decision Decide(const LandedState& state, const TableStatus& status,
                const DecisionSettings& settings);

// `table` as the source promises it, with the types and field ids of what is landed where the same
// column of the same declared type is wider there: types never narrow. `landed`: columns of a
// state, under their present names.
Table WithLandedTypes(const Table& table, const std::vector<Column>& landed);

}  // namespace tidemark
