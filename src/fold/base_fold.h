#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "fold/fold.h"

namespace tidemark {

// What a base is to be.
struct BaseKind {
  int scd_type = 1;          // 2: with closed versions
  bool soft_delete = false;  // with deleted rows, which have their last values
};

// Rows of a base: the table's columns, then for SCD 2 `__start_version`, `__end_version` and
// `__is_current`, then for soft delete `_is_deleted`.
std::shared_ptr<arrow::Schema> BaseSchema(const LandedState& state, BaseKind kind);

// Whether compacting would change anything, prune aside.
bool IsCompacted(const LandedState& state, BaseKind kind);

struct BaseFoldOptions {
  BaseKind kind;
  std::int64_t memory_bytes = 64 << 20;  // for everything the fold holds at once
  std::string temp_dir;                  // for partitions; made if it is not there
  std::stop_token stop;
  std::function<void(std::int64_t rows)> read;  // may be null: told of rows read
};

// Folds what was landed of a table into the rows of a new base. The older base (or the oldest load,
// where there is none) is read once and streamed through; what is held are the changes since, in
// memory while they fit and in partitions on disk beyond. Of one key the closed versions come in
// order, the current one last.
// `sink` takes batches of BaseSchema. The number of rows. kUnsupported: a column has a name that
// the base adds, or a type that cannot be compared; kCorrupt: a landed file is gone or cannot be
// read.
Result<std::int64_t> FoldIntoBase(ObjectStore& store, const TableLayout& layout,
                                  const LandedState& state, const BaseFoldOptions& options,
                                  const Fold::BatchSink& sink);

}  // namespace tidemark
