#pragma once
#include <memory>
#include <string>
#include <vector>

#include "source/source.h"
#include "source/sqlserver/catalog.h"
#include "source/sqlserver/column_types.h"
#include "source/sqlserver/connector.h"

namespace tidemark::sqlserver {

// What was read of a database before its snapshot begins.
struct Listing {
  DatabaseFacts facts;
  std::vector<CatalogTable> tables;  // without columns
};

// The statements of DatabaseText and IncarnationText.
Result<DatabaseFacts> ReadDatabase(tds::Connection& connection);
// The statement of TablesText.
Result<std::vector<CatalogTable>> ReadTables(tds::Connection& connection,
                                             const DatabaseFacts& facts);
// Columns, keys and row-level security of `tables`.
Status ReadDetails(tds::Connection& connection, const DatabaseFacts& facts,
                   std::vector<CatalogTable>& tables);

struct SnapshotRequest {
  std::shared_ptr<const Connector> connector;
  std::unique_ptr<tds::Connection> first;  // a session that is open already
  Listing listing;
  std::string database;  // the name in paths
  SourceOptions options;
  FineTimes fine_times = FineTimes::kColumns;
};
// kUnavailable: also where the server was too busy or a table was altered just then.
Result<std::unique_ptr<Snapshot>> OpenSqlServerSnapshot(SnapshotRequest request);

}  // namespace tidemark::sqlserver
