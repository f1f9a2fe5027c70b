#pragma once
#include <string>
#include <vector>

#include "object/object_store.h"
#include "source/source.h"
#include "sync/sync.h"
#include "tidemark/tidemark.h"

namespace tidemark {

// What was asked for under a table's name, as it was written.
struct ChosenTable {
  std::string schema, name;
  TableSettings settings;
};

// One database of a run.
struct DatabaseSetup {
  std::string name;    // as the pipeline calls it; empty: from the source
  std::string source;  // as OpenSource takes it
  SourceOptions source_options;
  SyncOptions options;  // of all its tables; `chosen` and `table_settings` come with opening
  // The source's tables and no others, unless it has all of some schema. Nothing: as options say.
  std::vector<ChosenTable> tables;
  std::vector<std::string> whole_schemas;
  bool is_chosen = false;  // tables and whole_schemas say what is wanted
};

struct Setup {
  std::string to;  // as OpenStore takes it
  StoreOptions store_options;
  SyncOptions options;  // of what needs no source
  std::vector<DatabaseSetup> databases;
};

// What is asked of a pipeline, as runs take it. Touches nothing. kInvalid: an unknown word, a level
// that the compression does not have, no destination.
Result<Setup> SetupOf(const PipelineOptions& options);

// Puts what is asked of one run into the options of all databases. kInvalid: an unknown mode.
Status AddRun(const RunOptions& run, Progress* progress, Setup& setup);

}  // namespace tidemark
