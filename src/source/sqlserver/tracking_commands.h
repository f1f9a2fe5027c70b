#pragma once
#include <string>
#include <vector>

#include "source/source.h"

namespace tidemark::sqlserver {

// Change tracking of a database as an administrator sets it up. Nothing is changed unless asked
// for: the statements are what is given back.
struct TrackRequest {
  std::string location;  // as OpenSqlServerSource takes it
  SourceOptions options;
  std::vector<std::string> tables;  // names or globs over schema.table; empty: all that can be
  int retention_days = 7;           // of EnableScript: at least
  bool applies = false;             // the statements are run, each by itself
};

struct TrackStatement {
  std::string table;  // "dbo.orders"; empty: of the database
  std::string text;   // empty: nothing to do, or nothing that a statement could; see `because`
  std::string because;
  bool is_done = false;
};
struct TrackScript {
  std::string database;
  std::vector<TrackStatement> statements;
};

// kInvalid: a name that no table has. With `applies`, errors of the first statement that fails;
// those before it have been run.
Result<TrackScript> EnableScript(const TrackRequest& request);
// Of the named tables; of all and then of the database where none is named.
Result<TrackScript> DisableScript(const TrackRequest& request);

struct TrackedTable {
  std::string table;
  bool is_tracked = false;
  std::string because;  // it is not
  std::int64_t version = 0, min_valid_version = 0, retention_seconds = 0;
  std::vector<std::string> warnings;
};
Result<std::vector<TrackedTable>> TrackingStatusOf(const TrackRequest& request);

}  // namespace tidemark::sqlserver
