#pragma once
#include <cstdint>
#include <memory>
#include <stop_token>

#include "model/table.h"
#include "source/sqlite/catalog.h"
#include "source/sqlite/database.h"
#include "source/sqlite/tracking.h"

namespace tidemark::sqlite {

// A batch of changes ends at whichever comes first.
struct ChangeLimits {
  std::int64_t rows = 16'384;
  std::int64_t bytes = 4 << 20;
};

// Net changes of one tracked table after `since_version`, as ChangeSchema(table): one row per key,
// by version. The connection must stay in the read transaction in which `tracked` was read, and
// outlive the stream; it may be used for other statements between the batches. `table`: with the
// column types to read as; its columns are columns of `catalog` by name.
//
// A D has only its key. A key that cannot have been landed with these column types and is gone is
// left out. Next: kMisfit: a present row does not fit. kCancelled: asked to stop.
Result<std::unique_ptr<BatchStream>> OpenChanges(Connection& connection,
                                                 const CatalogTable& catalog, const Table& table,
                                                 const TrackedTable& tracked,
                                                 std::int64_t since_version,
                                                 const ChangeLimits& limits, std::stop_token stop);

}  // namespace tidemark::sqlite
