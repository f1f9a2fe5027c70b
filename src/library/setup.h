#pragma once
#include <string>
#include <vector>

#include "config/config.h"
#include "source/source.h"
#include "sync/sync.h"

namespace tidemark {

// What was asked for under a table's name, as it was written.
struct ChosenTable {
  std::string schema, name;
  TableSettings settings;
};

// One database of a run.
struct DatabaseSetup {
  std::string name;    // as the configuration calls it; empty: from the source
  std::string source;  // as OpenSource takes it
  SourceOptions source_options;
  SyncOptions options;  // of all its tables; `chosen` and `table_settings` come with opening
  // The source's tables and no others, unless it has all of some schema. Nothing: as options say.
  std::vector<ChosenTable> tables;
  std::vector<std::string> whole_schemas;
  bool is_configured = false;  // tables and whole_schemas say what is chosen
  std::optional<Error> error;  // it cannot be opened, whatever is tried
};

struct Setup {
  std::string to;  // as OpenStore takes it; empty: not said
  std::vector<DatabaseSetup> databases;
};

// What a configuration says, as runs take it. Touches nothing but to see whether connection.path is
// a folder. kInvalid: a compression level out of its range, a database without a path.
Result<Setup> SetupOf(const config::Config& config);

}  // namespace tidemark
