#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "sync/sync_table.h"
#include "sync/table_files.h"

namespace tidemark {

class Fold;

// How many rows a slice has at most: a load killed at any moment goes on from its last whole
// slices.
std::int64_t SliceRows(const SyncOptions& options, const Table& table);

// What the lanes of one load share.
struct LoadTarget {
  TableFiles& files;
  const SyncOptions& options;
  Fold* fold = nullptr;       // gets the keys; may be null
  bool keeps_slices = false;  // whole slices become part of the table's state on the way
  std::int64_t version = 0;   // on every row
  std::atomic<std::int64_t> rows = 0;
};

// A lane that writes rows to files of its own. Where slices are kept, a file ends with a slice as
// soon as it is worth a write of the state.
std::unique_ptr<Lane> MakeLoadLane(LoadTarget& target);

}  // namespace tidemark
