#pragma once
#include "model/table.h"
#include "source/sqlite/catalog.h"
#include "source/sqlite/database.h"

namespace tidemark::sqlite {

// One look at every value of the table, in the connection's transaction: `asked` with the narrowest
// columns that hold them all, never narrower than asked, so that reading with it never misfits in
// the same state. A key that holds NULL or several of number, text and blob is cleared, with a
// warning. kUnsupported: a widened column needs "<name>__type" and the table has a column of that
// name.
Result<Table> Refit(Connection& connection, const CatalogTable& catalog, const Table& asked);

}  // namespace tidemark::sqlite
