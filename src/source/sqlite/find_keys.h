#pragma once
#include <memory>
#include <stop_token>

#include "model/table.h"
#include "source/sqlite/catalog.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// As Snapshot::FindKeys. One look-up in the key's index for each key, whatever the size of the
// table. kUnsupported: the table has no key, or one whose columns hold values of several classes.
Result<std::shared_ptr<arrow::RecordBatch>> FindKeys(Connection& connection,
                                                     const CatalogTable& catalog,
                                                     const Table& table,
                                                     const arrow::RecordBatch& keys,
                                                     const std::stop_token& stop);

}  // namespace tidemark::sqlite
