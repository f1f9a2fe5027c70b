#pragma once
#include <memory>

#include "source/sqlite/catalog.h"
#include "source/sqlite/changes.h"
#include "source/sqlite/current_cut.h"
#include "source/sqlite/slices.h"

namespace tidemark::sqlite {

struct StreamLimits {
  std::int64_t rows = 16'384;
  std::int64_t bytes = 4 << 20;
  std::stop_token stop;
};

// Both streams keep a connection while they live, and go on in a private copy of the same state, where
// they stand, when the snapshot moves to one. All arguments by reference must outlive them.

// Rows of a slice, in its order: from pages where that can be done, else by SQL.
Result<std::unique_ptr<BatchStream>> OpenSlice(CurrentCut& cut, const CatalogTable& catalog,
                                               const Table& table, const SliceBounds& bounds,
                                               const StreamLimits& limits);

// Net changes of a tracked table.
Result<std::unique_ptr<BatchStream>> OpenMovableChanges(CurrentCut& cut,
                                                        const CatalogTable& catalog,
                                                        const Table& table,
                                                        const TrackedTable& tracked,
                                                        std::int64_t since_version,
                                                        const StreamLimits& limits);

}  // namespace tidemark::sqlite
