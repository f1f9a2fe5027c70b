#pragma once
#include <memory>

#include "source/sqlite/catalog.h"
#include "source/sqlite/changes.h"
#include "source/sqlite/current_cut.h"
#include "source/sqlite/read_rows.h"

namespace tidemark::sqlite {

// Both streams keep a connection until their end, and go on in a private copy of the same state,
// where they stand, when the snapshot moves to one. The cut, the catalog's and the tracked table
// must outlive them.

// Rows of a slice, in its order: from pages where that can be done, else by SQL.
Result<std::unique_ptr<BatchStream>> OpenSlice(CurrentCut& cut, const CatalogTable& catalog,
                                               const Table& table, const RowRange& range,
                                               const BatchLimits& limits, std::stop_token stop);

// Net changes of a tracked table.
struct ChangesRequest {
  const CatalogTable& catalog;
  const Table& table;
  const TrackedTable& tracked;
  std::int64_t since_version;
};
Result<std::unique_ptr<BatchStream>> OpenMovableChanges(CurrentCut& cut,
                                                        const ChangesRequest& request,
                                                        const ChangeLimits& limits,
                                                        std::stop_token stop);

}  // namespace tidemark::sqlite
